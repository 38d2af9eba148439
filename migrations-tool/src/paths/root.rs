//! The folder from which a repo's folders count.

use std::fmt;
use std::path::{Path, PathBuf};

use super::PathError;

/// A folder, and what makes it the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) folder: PathBuf,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    SettingsFile,
    Package,
    WorkingFolder,
}

impl Root {
    /// The folder of the settings file; else the nearest, from `working` upwards, whose
    /// `Cargo.toml` has a `[package]`; else `working`, as in a container without sources.
    pub(crate) fn find(settings: Option<&Path>, working: &Path) -> Result<Self, PathError> {
        if let Some(folder) = settings {
            return Ok(Self { folder: folder.to_owned(), why: Why::SettingsFile });
        }
        for folder in working.ancestors() {
            if is_package(&folder.join("Cargo.toml"))? {
                return Ok(Self { folder: folder.to_owned(), why: Why::Package });
            }
        }
        Ok(Self { folder: working.to_owned(), why: Why::WorkingFolder })
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        match self.why {
            Why::SettingsFile => write!(f, "{folder}, the folder of the settings file"),
            Why::Package => write!(f, "{folder}, whose Cargo.toml has a [package]"),
            Why::WorkingFolder => write!(
                f,
                "{folder}, the working folder (no litefs-diesel.toml and no Cargo.toml with a [package] is here or above)"
            ),
        }
    }
}

/// Whether this is the manifest of a package, not of a workspace alone.
fn is_package(manifest: &Path) -> Result<bool, PathError> {
    let text = match std::fs::read_to_string(manifest) {
        Ok(text) => text,
        // A folder above that is not ours to look into is none of a package.
        Err(_) => return Ok(false),
    };
    let table: toml::Table = toml::from_str(&text)
        .map_err(|why| PathError::Toml { path: manifest.to_owned(), why: why.to_string() })?;
    Ok(table.contains_key("package"))
}
