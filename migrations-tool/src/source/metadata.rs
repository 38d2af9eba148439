//! A migration's `metadata.toml`.

use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;

use super::SourceError;

/// Diesel reads a malformed file as an empty one; here it is an error, an unknown key too, because a
/// misspelt one would silently change what a migration does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(default = "yes")]
    run_in_transaction: bool,
}

fn yes() -> bool {
    true
}

/// Whether the migration in this folder runs in a transaction: it does when nothing says otherwise.
pub(super) fn in_transaction(folder: &Path) -> Result<bool, SourceError> {
    let path = folder.join("metadata.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return Err(SourceError::Metadata { path, why: "it is not UTF-8".to_owned() });
        }
        Err(error) => return Err(SourceError::Unreadable { path, why: error.to_string() }),
    };
    match toml::from_str::<Metadata>(&text) {
        Ok(metadata) => Ok(metadata.run_in_transaction),
        Err(error) => Err(SourceError::Metadata { path, why: error.to_string().trim_end().to_owned() }),
    }
}
