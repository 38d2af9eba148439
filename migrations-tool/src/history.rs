//! The migrations of a repo and what its database has of them, side by side.

use crate::error::Error;
use crate::source::{Migration, Migrations};

/// Both, in the order of the versions.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) migrations: Migrations,
    pub(crate) applied: Vec<String>,
}

impl History {
    /// What is not applied.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &Migration> {
        self.migrations.iter().filter(|migration| !self.is_applied(&migration.version))
    }

    /// Whether a version is applied.
    pub(crate) fn is_applied(&self, version: &str) -> bool {
        self.applied.binary_search_by(|applied| applied.as_str().cmp(version)).is_ok()
    }

    /// The versions that are applied and not among the migrations.
    pub(crate) fn strangers(&self) -> impl Iterator<Item = &str> {
        self.applied.iter().map(String::as_str).filter(|version| self.migrations.get(version).is_none())
    }

    /// An error when a version is neither applied nor among the migrations.
    pub(crate) fn check_known(&self, version: &str) -> Result<(), Error> {
        match self.is_applied(version) || self.migrations.get(version).is_some() {
            true => Ok(()),
            false => Err(Error::UnknownVersion { version: version.to_owned() }),
        }
    }

    /// What is pending and earlier than the last that is applied, with that.
    pub(crate) fn out_of_order(&self) -> Vec<(&Migration, &str)> {
        let Some(last) = self.applied.last() else { return Vec::new() };
        self.pending().filter(|migration| migration.version < *last).map(|m| (m, last.as_str())).collect()
    }
}
