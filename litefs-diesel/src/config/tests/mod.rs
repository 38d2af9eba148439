//! The settings as a whole: sources, ranks, errors, URLs, checks. The environment is handed in, never
//! the process's own.

mod accept;
mod checks;
mod identity;
mod levels;
mod limits;
mod mistakes;
mod ranks;
mod tool;
mod urls;

use std::path::PathBuf;

use tempfile::TempDir;

use super::env::Environment;
use super::{Config, Settings, StartError};

/// A folder with a settings file.
struct Folder(TempDir);

impl Folder {
    fn with(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("litefs-diesel.toml"), toml).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("litefs-diesel.toml")
    }

    fn load<const N: usize>(&self, environment: [(&str, &str); N]) -> Result<Config, StartError> {
        Config::from_sources(Some(&self.file()), &Environment::of(environment))
    }
}

/// The settings of a file and an environment.
fn settings<const N: usize>(toml: &str, environment: [(&str, &str); N]) -> Result<Settings, StartError> {
    Folder::with(toml).load(environment)?.resolve()
}

/// The settings of an environment alone.
fn from_environment<const N: usize>(environment: [(&str, &str); N]) -> Result<Settings, StartError> {
    Config::from_sources(None, &Environment::of(environment))?.resolve()
}
