//! The speeds that the project promises, as ratios measured side by side in one run, on a real
//! LiteFS of two nodes where one can run. Prints one Markdown table.
//!
//! ```text
//! LITEFS_BIN=… cargo bench -p litefs-diesel-tests [-- --quick] [-- --only PART]
//! ```
//!
//! Without `LITEFS_BIN` it takes the server that `tests/run` builds. What the library under test
//! does is behind the traits of [`library`]; everything else here is the references.

mod capture;
mod context;
mod floor;
mod halt;
mod ledger;
mod levels;
mod library;
mod many_callers;
mod migrations;
mod one_write;
mod operation;
mod primary;
mod reads;
mod recovery;
mod schema;
mod several;
mod starvation;
mod trio;

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use litefs_diesel_tests::bench::{Line, Options, Outcome, Report};

use crate::context::Context;

type Part = (&'static str, fn(&Context) -> Outcome<Vec<Line>>);

/// By the name that `--only` takes.
const PARTS: [Part; 10] = [
    ("reads", reads::measure),
    ("capture", capture::measure),
    ("one-write", one_write::measure),
    ("many-callers", many_callers::measure),
    ("starvation", starvation::measure),
    ("ledger", ledger::measure),
    ("several", several::measure),
    ("levels", levels::measure),
    ("recovery", recovery::measure),
    ("migrations", migrations::measure),
];

/// Twice what a full run takes. A library that hangs must not hang whoever waits for the table.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    std::thread::spawn(|| {
        std::thread::sleep(PATIENCE);
        let _ = writeln!(stderr(), "given up after {PATIENCE:?}: the part after the last one named hangs");
        // Not unwinding; the cluster's janitor notices the end of this process, however it comes.
        std::process::exit(1);
    });
    match run() {
        Ok(code) => code,
        Err(why) => {
            let _ = writeln!(stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<ExitCode> {
    let options = Options::parse(std::env::args().skip(1), &PARTS.map(|(name, _)| name))?;
    let mut report = Report::begin(&options);
    let context = Context::new(options)?;
    let mut code = ExitCode::SUCCESS;
    for (name, measure) in PARTS.iter().filter(|(name, _)| context.options.wants(name)) {
        let begin = Instant::now();
        match measure(&context) {
            Ok(lines) => report.extend(lines),
            Err(why) => {
                report.note(format!("{name} failed: {why}"));
                code = ExitCode::FAILURE;
            }
        }
        let _ = writeln!(stderr(), "{name}: {:.1} s", begin.elapsed().as_secs_f64());
    }
    context.notes().into_iter().for_each(|note| report.note(note));
    write!(stdout(), "\n{report}")?;
    Ok(code)
}
