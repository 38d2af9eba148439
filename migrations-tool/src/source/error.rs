//! What can be wrong with a migration before it runs.

use std::path::PathBuf;

/// A migration cannot be used. Nothing was run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SourceError {
    #[error("{} cannot be read: {why}; let this user read it, or take it away", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("the name {} is not UTF-8; rename it", path.display())]
    Name { path: PathBuf },
    #[error(
        "{} has no version: it is the text before the first `_`, dashes left out; rename the folder to \
         <version>_<name>, e.g. 2026-01-31-120000_create_users",
        path.display()
    )]
    NoVersion { path: PathBuf },
    #[error("{} is a file, and a migration is a folder that has an up.sql; make it one, or rename it", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} is missing: a migration is a folder that has an up.sql; write it, or take the folder away", path.display())]
    NoUp { path: PathBuf },
    #[error("{name} cannot be reverted: {at} is missing; write what undoes its up.sql")]
    NoDown { name: String, at: String },
    #[error("{} is empty: write its SQL; a comment is enough for one that does nothing", path.display())]
    Empty { path: PathBuf },
    #[error("{} is not UTF-8 (byte {byte}); save it as UTF-8", path.display())]
    NotUtf8 { path: PathBuf, byte: usize },
    #[error("two migrations have the version {version}: {first} and {second}; rename one of them")]
    Twice { version: String, first: String, second: String },
    #[error("{} is malformed: {why}; it may hold `run_in_transaction = true` or `false`", path.display())]
    Metadata { path: PathBuf, why: String },
    #[error(transparent)]
    Embedded(#[from] litefs_diesel::__tool::EmbeddedError),
}
