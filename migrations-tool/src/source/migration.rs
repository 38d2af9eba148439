//! A migration, and all of a repo's in order.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use litefs_diesel::__tool::Embedded;

use super::SourceError;

/// One migration; its SQL is read when it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Migration {
    /// Diesel's: the text before the first `_`, dashes left out.
    pub(crate) version: String,
    /// The whole name, `2026-01-31-120000_create_users`.
    pub(crate) name: String,
    /// Whether it runs in a transaction (`metadata.toml`).
    pub(crate) in_transaction: bool,
    pub(super) text: Text,
}

/// Where a migration's SQL is.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Folder(PathBuf),
    Embedded(Embedded),
}

/// SQL, and what errors call the place where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) file: String,
}

impl Migration {
    /// What applies it.
    pub(crate) fn up(&self) -> Result<Sql, SourceError> {
        match &self.text {
            Text::Folder(folder) => {
                let path = folder.join("up.sql");
                sql_file(&path)?.ok_or(SourceError::NoUp { path })
            }
            Text::Embedded(embedded) => Ok(sql(embedded, "up.sql", &embedded.up)),
        }
    }

    /// What undoes it.
    pub(crate) fn down(&self) -> Result<Sql, SourceError> {
        let missing = |at: String| SourceError::NoDown { name: self.name.clone(), at };
        match &self.text {
            Text::Folder(folder) => {
                let path = folder.join("down.sql");
                sql_file(&path)?.ok_or_else(|| missing(path.display().to_string()))
            }
            Text::Embedded(embedded) => match &embedded.down {
                Some(down) => Ok(sql(embedded, "down.sql", down)),
                None => Err(missing("its down.sql, embedded,".to_owned())),
            },
        }
    }

    /// The folder it is in; `None` when it is embedded.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.text {
            Text::Folder(folder) => Some(folder),
            Text::Embedded(_) => None,
        }
    }

    /// Where it is, for an error.
    fn place(&self) -> String {
        self.folder()
            .map_or_else(|| format!("{} (embedded)", self.name), |folder| folder.display().to_string())
    }
}

fn sql(embedded: &Embedded, file: &str, text: &str) -> Sql {
    Sql { text: text.to_owned(), file: embedded.place(file) }
}

/// All migrations of a repo by their versions, which are ordered as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Migrations(BTreeMap<String, Migration>);

impl Migrations {
    /// Adds one; its version has to be its alone.
    pub(crate) fn add(&mut self, migration: Migration) -> Result<(), SourceError> {
        if let Some(other) = self.0.get(&migration.version) {
            return Err(SourceError::Twice {
                version: migration.version.clone(),
                first: other.place(),
                second: migration.place(),
            });
        }
        self.0.insert(migration.version.clone(), migration);
        Ok(())
    }

    /// In the order of their versions.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Migration> {
        self.0.values()
    }

    pub(crate) fn get(&self, version: &str) -> Option<&Migration> {
        self.0.get(version)
    }
}

/// The SQL of a file, whose text has to be there; `None` when there is no such file.
pub(crate) fn sql_file(path: &Path) -> Result<Option<Sql>, SourceError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(SourceError::Unreadable { path: path.to_owned(), why: error.to_string() });
        }
    };
    let text = String::from_utf8(bytes).map_err(|error| SourceError::NotUtf8 {
        path: path.to_owned(),
        byte: error.utf8_error().valid_up_to(),
    })?;
    if text.trim().is_empty() {
        return Err(SourceError::Empty { path: path.to_owned() });
    }
    Ok(Some(Sql { text, file: path.display().to_string() }))
}
