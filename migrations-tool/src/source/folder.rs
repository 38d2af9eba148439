//! Reads folders of Diesel's layout: `<version>_<name>/up.sql`, `down.sql`, `metadata.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use super::metadata::in_transaction;
use super::migration::Text;
use super::{Migration, Migrations, SourceError};

/// The migrations of these folders together. Names that begin with a dot are left out, and files
/// beside the migrations (a README) too. Does not read their SQL.
pub(crate) fn read(folders: &[PathBuf]) -> Result<Migrations, SourceError> {
    let mut migrations = Migrations::default();
    for folder in folders {
        for entry in entries(folder)? {
            if let Some(migration) = migration(&entry)? {
                migrations.add(migration)?;
            }
        }
    }
    Ok(migrations)
}

/// The version that a name has: what is before its first `_`, dashes left out. It may be empty.
pub(crate) fn version_of(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

/// In the order of their names, so that an error is the same on every machine.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let unreadable =
        |error: std::io::Error| SourceError::Unreadable { path: folder.to_owned(), why: error.to_string() };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn migration(path: &Path) -> Result<Option<Migration>, SourceError> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Err(SourceError::Name { path: path.to_owned() });
    };
    if name.starts_with('.') {
        return Ok(None);
    }
    // Follows links: a migration may be one.
    let metadata = fs::metadata(path)
        .map_err(|error| SourceError::Unreadable { path: path.to_owned(), why: error.to_string() })?;
    if !metadata.is_dir() {
        return match is_named_like_one(name) {
            true => Err(SourceError::NoFolder { path: path.to_owned() }),
            false => Ok(None),
        };
    }
    let version = version_of(name);
    if version.is_empty() {
        return Err(SourceError::NoVersion { path: path.to_owned() });
    }
    let up = path.join("up.sql");
    if !up.is_file() {
        return Err(SourceError::NoUp { path: up });
    }
    Ok(Some(Migration {
        version,
        name: name.to_owned(),
        in_transaction: in_transaction(path)?,
        text: Text::Folder(path.to_owned()),
    }))
}

/// Digits, dashes between them, and `_`: silently passing over such a file would lose a migration.
fn is_named_like_one(name: &str) -> bool {
    name.split_once('_').is_some_and(|(version, _)| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(|c| c.is_ascii_digit() || c == '-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn with(files: &[(&str, &[u8])]) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            for (name, content) in files {
                let path = folder.0.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            folder
        }

        fn read(&self) -> Result<Migrations, SourceError> {
            super::read(&[self.0.path().to_owned()])
        }
    }

    #[test]
    fn migrations_come_in_the_order_of_their_versions_as_text() {
        let folder = Folder::with(&[
            ("10_b/up.sql", b"SELECT 10"),
            ("9_a/up.sql", b"SELECT 9"),
            ("2020-01-02-000000_c_d/up.sql", b"SELECT 2"),
            ("noversionmark/up.sql", b"SELECT 1"),
            (".hidden/nothing", b""),
            ("README.md", b""),
        ]);
        let migrations = folder.read().unwrap();
        let versions: Vec<_> = migrations.iter().map(|m| m.version.as_str()).collect();
        assert_eq!(versions, ["10", "20200102000000", "9", "noversionmark"]);
        assert_eq!(migrations.get("9").unwrap().up().unwrap().text, "SELECT 9");
    }

    #[test]
    fn metadata_is_honoured() {
        let folder = Folder::with(&[
            ("1_a/up.sql", b"x"),
            ("1_a/metadata.toml", b"run_in_transaction = false"),
            ("2_b/up.sql", b"x"),
            ("2_b/metadata.toml", b"# nothing"),
        ]);
        let migrations = folder.read().unwrap();
        assert!(!migrations.get("1").unwrap().in_transaction);
        assert!(migrations.get("2").unwrap().in_transaction);
    }

    #[test]
    fn what_is_wrong_with_a_folder_is_said_with_its_name() {
        for (files, words) in [
            (&[("_a/up.sql", &b"x"[..])][..], "_a has no version"),
            (&[("--_a/up.sql", b"x")], "--_a has no version"),
            (&[("1_a/down.sql", b"x")], "1_a/up.sql is missing"),
            (&[("1_a/up.sql/x", b"x")], "1_a/up.sql is missing"),
            (&[("1_a", b"x")], "1_a is a file"),
            (&[("2020-01-01_a.sql", b"x")], "2020-01-01_a.sql is a file"),
            (&[("1-2_a/up.sql", b"x"), ("12_b/up.sql", b"x")], "two migrations have the version 12"),
            (
                &[("1_a/up.sql", b"x"), ("1_a/metadata.toml", b"run_in_transaction = maybe")],
                "metadata.toml is malformed: TOML parse error at line 1, column 22",
            ),
            (
                &[("1_a/up.sql", b"x"), ("1_a/metadata.toml", b"run_in_transation = false")],
                "unknown field `run_in_transation`",
            ),
            (
                &[("1_a/up.sql", b"x"), ("1_a/metadata.toml", b"\xff")],
                "metadata.toml is malformed: it is not UTF-8",
            ),
        ] {
            let error = Folder::with(files).read().unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_sql_is_said_when_it_is_needed() {
        let folder = Folder::with(&[("1_a/up.sql", b" \n"), ("2_b/up.sql", b"SELECT '\xff'")]);
        let migrations = folder.read().unwrap();
        let up = |version| migrations.get(version).unwrap().up().unwrap_err().to_string();
        assert!(up("1").contains("1_a/up.sql is empty"), "{}", up("1"));
        assert!(up("2").contains("2_b/up.sql is not UTF-8 (byte 8)"), "{}", up("2"));
        let down = migrations.get("1").unwrap().down().unwrap_err().to_string();
        assert!(down.contains("1_a cannot be reverted") && down.contains("down.sql is missing"), "{down}");
    }

    #[test]
    fn a_version_in_two_folders_is_refused_with_both() {
        let (one, two) = (Folder::with(&[("1_a/up.sql", b"x")]), Folder::with(&[("1_b/up.sql", b"x")]));
        let folders = [one.0.path().to_owned(), two.0.path().to_owned()];
        let error = super::read(&folders).unwrap_err().to_string();
        assert!(error.contains("/1_a and ") && error.contains("/1_b;"), "{error}");
    }
}
