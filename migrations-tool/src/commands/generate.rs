//! `generate`: a new migration, still empty.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;
use crate::source::{read, version_of};

/// Make a migration: a folder with up.sql and down.sql, to be filled
///
/// The migrations folder is made where it is missing. With several folders the first is taken.
#[derive(Args, Debug)]
pub(crate) struct Generate {
    /// What it does, e.g. create_users
    #[arg(value_parser = name)]
    name: String,
    /// Its version (otherwise the time now, UTC)
    #[arg(long, value_parser = version)]
    version: Option<String>,
    /// Without down.sql: it cannot be reverted
    #[arg(short = 'u', long)]
    no_down: bool,
    /// The language it is written in
    #[arg(long, value_enum, default_value = "sql")]
    format: Format,
    /// Not offered: use `diesel migration generate --diff-schema`
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "", hide = true)]
    diff_schema: Option<String>,
}

/// What a migration may be written in: SQL alone can travel to the primary.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Sql,
}

const UP: &str = "-- Your SQL goes here\n";
const DOWN: &str = "-- This file should undo anything in `up.sql`\n";

/// With the version before it, a name stays below the 255 bytes that file systems allow.
const LONGEST: usize = 200;

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("write what the migration does, e.g. create_users".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes, and may have {LONGEST}", text.len()));
    }
    if text.contains(['/', '\\']) || text.chars().any(char::is_control) {
        return Err("it becomes a folder's name: no path separators, no control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn version(text: &str) -> Result<String, String> {
    match text.len() <= 50 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        true if !version_of(text).is_empty() => Ok(text.to_owned()),
        _ => Err("a version has letters, digits and dashes, at most 50, and not dashes alone".to_owned()),
    }
}

impl Generate {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let Format::Sql = self.format;
        if self.diff_schema.is_some() {
            return Err(Error::Usage(
                "`--diff-schema` is not offered here; use `diesel migration generate --diff-schema`"
                    .to_owned(),
            ));
        }
        let [target] = session.targets.as_slice() else {
            let names: Vec<_> = session.targets.iter().map(|target| target.repo.name.as_str()).collect();
            return Err(Error::Usage(format!(
                "there are the repos {}; name one with `--repo`",
                names.join(", ")
            )));
        };
        if session.embedded.is_some() {
            return Err(Error::Usage(
                "this program carries its migrations; name the folder of the sources (`--migrations-path`)"
                    .to_owned(),
            ));
        }
        let Some(folder) = target.found.folders.first() else { return Ok(Exit::Done) };
        fs::create_dir_all(folder).map_err(|why| write_error(folder, &why))?;
        let path = folder.join(self.file_name(folder)?);
        fs::create_dir(&path).map_err(|why| write_error(&path, &why))?;
        let made = self.write(&path);
        if made.is_err() {
            // Nothing half-done: an up.sql alone would be run.
            let _ = fs::remove_dir_all(&path);
        }
        let files = made?;
        if output.json {
            output.json(&json!({ "repo": target.repo.name, "path": path, "files": files }));
        }
        let working = std::env::current_dir().unwrap_or_default();
        for file in &files {
            let shown = file.strip_prefix(&working).unwrap_or(file);
            output.progress(format_args!("Creating {}", shown.display()));
        }
        Ok(Exit::Done)
    }

    /// `<version>_<name>`; neither may be there yet.
    fn file_name(&self, folder: &Path) -> Result<String, Error> {
        let there = read(&[folder.to_owned()])?;
        let same = there.iter().find(|other| other.name.split_once('_').is_some_and(|(_, n)| n == self.name));
        if let Some(other) = same {
            return Err(Error::Exists { path: folder.join(&other.name) });
        }
        let version = match &self.version {
            Some(version) => match there.get(&version_of(version)) {
                Some(other) => return Err(Error::Exists { path: folder.join(&other.name) }),
                None => version.clone(),
            },
            None => {
                let second = timestamp(SystemTime::now());
                // Several in one second are told apart, and ordered, by a number.
                let mut versions = (0..10_000).map(|number| format!("{second}-{number:04}"));
                versions.find(|version| there.get(&version_of(version)).is_none()).unwrap_or(second)
            }
        };
        Ok(format!("{version}_{}", self.name))
    }

    fn write(&self, path: &Path) -> Result<Vec<PathBuf>, Error> {
        let files = [("up.sql", UP), ("down.sql", DOWN)];
        let files = files.into_iter().take(if self.no_down { 1 } else { 2 });
        files
            .map(|(name, text)| {
                let file = path.join(name);
                fs::write(&file, text).map_err(|why| write_error(&file, &why))?;
                Ok(file)
            })
            .collect()
    }
}

/// The second as Diesel writes it: `2026-01-31-120000`, UTC.
fn timestamp(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.trim_end_matches('Z').replace(':', "").replace('T', "-")
}

fn write_error(path: &Path, why: &std::io::Error) -> Error {
    Error::Write { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_version_is_the_time_as_diesel_writes_it() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(timestamp(time), "2023-11-14-221320");
    }

    #[test]
    fn a_name_is_one_folder() {
        for wrong in ["", "a/b", "a\\b", "..\u{0}", "a\nb", &"x".repeat(300)] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
        assert_eq!(name("create users").unwrap(), "create users");
    }
}
