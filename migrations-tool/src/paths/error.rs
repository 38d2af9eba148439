//! What can be wrong with where migrations are looked for.

use std::path::PathBuf;

use super::Rule;

/// The folder of a repo's migrations cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum PathError {
    #[error("there is no migrations folder {}: {rule}; {next}", path.display())]
    Missing { path: PathBuf, rule: Box<Rule>, next: String },
    #[error("{} is a file, and the migrations folder has to be a folder: {rule}; name the folder", path.display())]
    NoFolder { path: PathBuf, rule: Box<Rule> },
    #[error("{} cannot be read: {why}; let this user read it", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{} is not the TOML that it should be: {why}", path.display())]
    Toml { path: PathBuf, why: String },
}
