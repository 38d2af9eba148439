//! Running `ip` and `iptables`.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// `ip` with these arguments; what it prints.
pub(super) fn ip(args: &[&str]) -> io::Result<String> {
    let mut command = Command::new("ip");
    command.args(args);
    run(command, "")
}

/// `ip` with many commands, a line each, in a namespace or in this one.
pub(super) fn batch(namespace: Option<&str>, commands: &str) -> io::Result<()> {
    let mut command = Command::new("ip");
    if let Some(namespace) = namespace {
        command.args(["-netns", namespace]);
    }
    command.args(["-batch", "-"]);
    run(command, commands).map(drop)
}

/// Runs a tool to its end with this as its standard input, and returns what it prints.
pub(super) fn run(mut command: Command, input: &str) -> io::Result<String> {
    let failed = |what: &str| {
        let program = command.get_program().to_string_lossy().into_owned();
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        format!("{program} {}: {what}", args.join(" "))
    };
    let failed_to_run = failed("cannot run it; is it installed?");
    let refused = failed("");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{failed_to_run} {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends without reading says why on its standard error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!("{refused}{words} (input: {input:?})")))
}
