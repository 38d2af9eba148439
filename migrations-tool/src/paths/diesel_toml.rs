//! Diesel's own settings file, as far as this tool reads it.

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

impl DieselToml {
    /// The one that `DIESEL_CONFIG_FILE` names, else that of `root` or the nearest above it, where
    /// the `diesel` command finds it too.
    pub(crate) fn find(root: &Path) -> Result<Option<Self>, PathError> {
        let path = match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => {
                match root.ancestors().map(|folder| folder.join("diesel.toml")).find(|path| path.is_file()) {
                    Some(path) => path,
                    None => return Ok(None),
                }
            }
        };
        let unreadable =
            |why: std::io::Error| PathError::Unreadable { path: path.clone(), why: why.to_string() };
        let path = std::path::absolute(&path).map_err(unreadable)?;
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let content = toml::from_str(&text)
            .map_err(|why| PathError::Toml { path: path.clone(), why: why.to_string() })?;
        Ok(Some(Self { path, content }))
    }

    /// `[migrations_directory] dir`, from the folder of the file.
    pub(crate) fn migrations(&self) -> Option<PathBuf> {
        let dir = self.content.migrations_directory.as_ref()?.dir.as_ref()?;
        Some(self.folder().join(dir))
    }

    /// Whether `[print_schema]`, or a `[print_schema.KEY]`, names a file for the `diesel` command to
    /// write.
    pub(crate) fn has_schema_files(&self) -> bool {
        let Some(table) = &self.content.print_schema else { return false };
        let named = table.values().filter_map(toml::Value::as_table);
        named.chain([table]).any(|table| table.contains_key("file"))
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_file_is_seen_under_every_key() {
        for (text, has) in [
            ("[print_schema]\nfile = 'src/schema.rs'", true),
            ("[print_schema.audit]\nfile = 'src/audit.rs'", true),
            ("[print_schema]\nwith_docs = true", false),
            ("", false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("diesel.toml"), text).unwrap();
            let below = dir.path().join("below");
            std::fs::create_dir(&below).unwrap();
            assert_eq!(DieselToml::find(&below).unwrap().unwrap().has_schema_files(), has, "{text}");
        }
    }
}
