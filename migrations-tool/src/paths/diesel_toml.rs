//! Diesel's own settings file, as far as this tool reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::PathError;

/// Names the file, as for the `diesel` command.
const VARIABLE: &str = "DIESEL_CONFIG_FILE";

/// A `diesel.toml`.
#[derive(Clone, Debug)]
pub(crate) struct DieselToml {
    pub(crate) path: PathBuf,
    content: Content,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Content {
    migrations_directory: Option<MigrationsDirectory>,
    print_schema: Option<toml::Table>,
}

#[derive(Clone, Debug, Deserialize)]
struct MigrationsDirectory {
    dir: Option<PathBuf>,
}

/// One file that the `diesel` command writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrintSchema {
    /// `[print_schema.KEY]`; `None` for `[print_schema]` itself.
    pub(crate) key: Option<String>,
    pub(crate) file: PathBuf,
}

impl DieselToml {
    /// The one that `DIESEL_CONFIG_FILE` names, else that of `root` or the nearest above it, where
    /// the `diesel` command finds it too.
    pub(crate) fn find(root: &Path) -> Result<Option<Self>, PathError> {
        let path = match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => match root.ancestors().map(|folder| folder.join("diesel.toml")).find(|path| path.is_file()) {
                Some(path) => path,
                None => return Ok(None),
            },
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|why| PathError::Unreadable { path: path.clone(), why: why.to_string() })?;
        let content = toml::from_str(&text)
            .map_err(|why| PathError::Toml { path: path.clone(), why: why.to_string() })?;
        Ok(Some(Self { path, content }))
    }

    /// `[migrations_directory] dir`, from the folder of the file.
    pub(crate) fn migrations(&self) -> Option<PathBuf> {
        let dir = self.content.migrations_directory.as_ref()?.dir.as_ref()?;
        Some(self.folder().join(dir))
    }

    /// The files of `[print_schema]` and of each `[print_schema.KEY]`, from the folder of the file.
    pub(crate) fn schemas(&self) -> Vec<PrintSchema> {
        let Some(table) = &self.content.print_schema else { return Vec::new() };
        let file_of = |table: &toml::Table| Some(self.folder().join(table.get("file")?.as_str()?));
        let named: BTreeMap<&String, &toml::Table> =
            table.iter().filter_map(|(key, value)| Some((key, value.as_table()?))).collect();
        let first = file_of(table).map(|file| PrintSchema { key: None, file });
        let rest = named.into_iter().filter_map(|(key, table)| {
            Some(PrintSchema { key: Some(key.clone()), file: file_of(table)? })
        });
        first.into_iter().chain(rest).collect()
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("diesel.toml"),
            "[print_schema]\nfile = 'src/schema.rs'\n[print_schema.audit]\nfile = 'src/audit.rs'\n[print_schema.none]\n",
        )
        .unwrap();
        let below = dir.path().join("below");
        std::fs::create_dir(&below).unwrap();
        let schemas = DieselToml::find(&below).unwrap().unwrap().schemas();
        let file = |name| dir.path().join("src").join(name);
        assert_eq!(
            schemas,
            [
                PrintSchema { key: None, file: file("schema.rs") },
                PrintSchema { key: Some("audit".into()), file: file("audit.rs") }
            ]
        );
    }
}
