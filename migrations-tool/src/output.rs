//! What the tool says, and where.

use std::fmt;
use std::io::Write;

/// Answers and progress go to standard output, everything else to standard error.
pub(crate) struct Output<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) err: &'a mut dyn Write,
    /// No progress.
    pub(crate) quiet: bool,
    /// Answers as JSON, and no progress.
    pub(crate) json: bool,
    /// Standard error is a terminal, on which a line can be rewritten.
    pub(crate) terminal: bool,
}

// A reader that has gone (`| head`) is no failure of what was done.
impl Output<'_> {
    /// What was asked for.
    pub(crate) fn answer(&mut self, text: impl fmt::Display) {
        let _ = writeln!(self.out, "{text}");
    }

    /// What was asked for, as JSON.
    pub(crate) fn json(&mut self, value: &serde_json::Value) {
        let _ = writeln!(self.out, "{value:#}");
    }

    /// What is being done; seen at once.
    pub(crate) fn progress(&mut self, text: impl fmt::Display) {
        if !self.quiet && !self.json {
            let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        }
    }

    /// Whether progress is a bar, which goes to standard error.
    pub(crate) fn shows_bars(&self) -> bool {
        self.terminal && !self.quiet && !self.json
    }

    /// What the user should know, and no failure.
    pub(crate) fn note(&mut self, text: impl fmt::Display) {
        if !self.quiet {
            let _ = writeln!(self.err, "{text}");
        }
    }

    /// What went wrong.
    pub(crate) fn error(&mut self, text: impl fmt::Display) {
        let _ = writeln!(self.err, "error: {text}");
    }
}
