//! What went wrong with a cluster, with the server's own words.

use std::fmt;

/// A server did not do what the test needs. Its text has the end of that server's log; `Debug` is
/// the same text, so that `unwrap()` in a test shows it readably.
pub struct ClusterError {
    what: String,
    /// Empty where no server is to blame.
    log_tail: String,
}

/// How many lines of a log are shown.
const TAIL: usize = 25;

impl ClusterError {
    pub(super) fn new(what: String) -> Self {
        Self { what, log_tail: String::new() }
    }

    pub(super) fn with_log(what: String, log: &str) -> Self {
        let lines: Vec<&str> = log.lines().collect();
        Self { what, log_tail: lines[lines.len().saturating_sub(TAIL)..].join("\n  | ") }
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.log_tail.is_empty() { Ok(()) } else { write!(f, "\n  | {}", self.log_tail) }
    }
}

impl fmt::Debug for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ClusterError {}
