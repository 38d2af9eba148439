//! Why nothing could be run, or what ran stopped.

use std::path::PathBuf;
use std::time::Duration;

use humantime::format_duration;
use litefs_diesel::__tool::{Elsewhere, Failure};
use litefs_diesel::{Error, NotExecuted, StartError};

/// A plan could not be run, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PlaceError {
    #[error(transparent)]
    Start(#[from] Error),
    #[error(transparent)]
    Settings(#[from] StartError),
    #[error("{0}")]
    Failed(#[from] Failure),
    #[error(
        "another tool, or an application, has run migrations on the databases of {} for {}; wait for it, or give more \
         time (`--timeout`)",
        path.display(), format_duration(*waited)
    )]
    Busy { path: PathBuf, waited: Duration },
    #[error("{} cannot be locked: {why}", path.display())]
    Lock { path: PathBuf, why: String },
    #[error(
        "LiteFS has had no leader for {}, so nothing was run ({why}); run this again when it has one, or give more \
         time (`--timeout`)",
        format_duration(*waited)
    )]
    NoLeader { waited: Duration, why: String },
    #[error(
        "the application on the primary, {primary}, was not to be had for {}, so nothing was run: {why}; start it, \
         give more time (`--timeout`), or run this on {primary}, which needs no application",
        format_duration(*waited)
    )]
    NoApplication { primary: String, waited: Duration, why: String },
    #[error(
        "nothing was run: it travels to the primary as one request, and its SQL takes {size} bytes, of the {limit} that \
         one may have; run fewer migrations at once (`-n`, `--to`), or run this on the primary, where nothing has to \
         travel"
    )]
    TooLarge { size: usize, limit: usize },
    #[error("nothing was run: {why}; mend that, or run this again, with more time (`--timeout`)")]
    NotRun { why: NotExecuted },
    #[error(
        "whether it ran is not known: {why}. `litefs-migrate list` shows on each node what is applied there; once this \
         node follows a primary, that is what there is. `run` may be run again in any case: it does what is still \
         to be done"
    )]
    Unknown { why: String },
    #[error("done, but {0}, so that nobody can tell which of them have it; run this again")]
    Elsewhere(#[from] Elsewhere),
    #[error(
        "`--wait-all` waits for all nodes, and nothing says which they are, so nothing was run: write `nodes = [\"a\", \
         \"b\"]` into `[cluster]` (or \"dns:NAME\"), this node included, or leave `--wait-all` out"
    )]
    NoNodes,
}

impl PlaceError {
    /// The tool's node did not start.
    pub(super) fn of_start(error: Error) -> Self {
        match error {
            Error::Start(StartError::NoLeader { waited, why }) => Self::NoLeader { waited, why },
            other => Self::Start(other),
        }
    }

    /// What became of a plan that was to run on the primary.
    pub(super) fn of_request(error: Error, waited: Duration) -> Self {
        match error {
            Error::NotExecuted(NotExecuted::Unreachable { primary, why }) => {
                Self::NoApplication { primary, waited, why }
            }
            Error::NotExecuted(NotExecuted::NoLeader) => {
                Self::NoLeader { waited, why: "LiteFS answers, and knows of no primary".to_owned() }
            }
            Error::NotExecuted(why) => Self::NotRun { why },
            Error::Unknown { why } => Self::Unknown { why },
            other => Self::Start(other),
        }
    }

    /// Whether all of it is done, though not known to be everywhere.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Elsewhere(_))
    }
}
