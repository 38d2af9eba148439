//! Why nothing could be run, or what ran stopped.

use std::path::PathBuf;
use std::time::Duration;

use humantime::format_duration;
use litefs_diesel::__tool::Failure;

/// A plan could not be run, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PlaceError {
    #[error(transparent)]
    Start(#[from] litefs_diesel::Error),
    #[error(transparent)]
    Settings(#[from] litefs_diesel::StartError),
    #[error("{0}")]
    Failed(#[from] Failure),
    #[error(
        "another tool works on the databases of {} since {}; wait for it, or give more time (`--timeout`)",
        path.display(), format_duration(*waited)
    )]
    Busy { path: PathBuf, waited: Duration },
    #[error("{} cannot be locked: {why}", path.display())]
    Lock { path: PathBuf, why: String },
    #[error(
        "this node is a replica of {primary}, and this version cannot ask the application on {primary} to migrate; \
         run this on {primary}"
    )]
    Replica { primary: String },
    #[error(
        "LiteFS has no leader, so nothing can be written; run this again when it has one, or give more time \
         (`--timeout`)"
    )]
    NoLeader,
    #[error(
        "this version cannot ask the other nodes how far they are, so nothing was run; leave `--wait-all` out"
    )]
    WaitAll,
}
