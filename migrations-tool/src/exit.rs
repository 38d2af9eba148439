//! How the tool ends.

use std::process::{ExitCode, Termination};

/// What a run of the tool came to; [`code`](Self::code) is what the process exits with.
///
/// ```
/// use migrations_tool::Exit;
///
/// assert_eq!(Exit::Done.code(), 0);
/// assert_eq!(Exit::Pending.code(), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[must_use = "return it from `main`, or exit with its code"]
pub enum Exit {
    /// 0: all that was asked for.
    Done,
    /// 1: an error, which was written to standard error.
    Failed,
    /// 2: the arguments are wrong; nothing was looked at.
    Usage,
    /// 3: `pending --check`, and something is pending.
    Pending,
    /// 4: done, but not everywhere by the deadline.
    NotEverywhere,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.code().into()
    }
}
