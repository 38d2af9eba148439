//! Where the numbers are from.

use std::fmt;
use std::fs;

/// The machine's size, as a table of speeds must say it.
pub(super) struct Machine {
    cores: usize,
    memory_gib: f64,
    cpu: String,
    kernel: String,
    /// How many processes wanted a core in the last minute, before the bench began.
    load: String,
}

impl Machine {
    pub(super) fn here() -> Self {
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib =
            field(&memory, "MemTotal").and_then(|text| text.trim_end_matches(" kB").parse::<f64>().ok());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: kib.unwrap_or_default() / 1024.0 / 1024.0,
            cpu: field(&cpu_info, "model name").unwrap_or("an unknown CPU").to_owned(),
            kernel: kernel.trim_end().to_owned(),
            load: load.split_whitespace().next().unwrap_or("?").to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cores, memory_gib, cpu, kernel, load } = self;
        write!(f, "{cores} cores ({cpu}), {memory_gib:.0} GiB memory, Linux {kernel}, load {load} before")
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}
