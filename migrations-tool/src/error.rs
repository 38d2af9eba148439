//! Every way in which a command may fail.

use std::path::PathBuf;

use litefs_diesel::StartError;

use crate::exit::Exit;
use crate::paths::PathError;
use crate::place::PlaceError;
use crate::source::SourceError;

/// A command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The arguments are wrong.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Settings(#[from] StartError),
    #[error(transparent)]
    Load(#[from] litefs_diesel::Error),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(
        "there is no repo {asked:?}: the repos that are set are {known}; name one of them, or write `[repo.{asked}]`"
    )]
    UnknownRepo { asked: String, known: String },
    #[error("{database} cannot be read: {why}")]
    Read { database: PathBuf, why: String },
    #[error(
        "there is no version {version}: it is neither in the migrations folder nor applied; `litefs-migrate list` has all"
    )]
    UnknownVersion { version: String },
    #[error("version {version} is applied, but its migration is not here, so nothing was reverted; {next}")]
    NotOnDisk { version: String, next: String },
    #[error(
        "{pending} is pending, and {applied}, which is later, is applied already; give it a later version, or leave \
         `--strict-version-order` out"
    )]
    Order { pending: String, applied: String },
    #[error("{} cannot be written: {why}; let this user write there, or name another place", path.display())]
    Write { path: PathBuf, why: String },
    #[error("{} exists already; take another name", path.display())]
    Exists { path: PathBuf },
    #[error("the working folder cannot be had: {0}")]
    WorkingFolder(std::io::Error),
    #[error("{0}")]
    Structure(String),
    #[error("{0}")]
    Schema(String),
    /// One of several repos.
    #[error("{repo}: {cause}")]
    Repo { repo: String, cause: Box<Error> },
}

impl Error {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Repo { cause, .. } => cause.exit(),
            Self::Place(error) if error.is_done() => Exit::NotEverywhere,
            _ => Exit::Failed,
        }
    }
}
