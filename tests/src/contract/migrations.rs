//! Migrations of an application, from a folder that the test writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use litefs_diesel::Error;
use serde_json::{Value, json};

use super::app::{App, Repo};
use super::outcome;
use crate::app::Commands;

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands
        .add("migrate", migrate)
        .add("migrate_with_diesel", migrate_with_diesel)
        .add("pending_migrations", pending)
}

fn source(folder: PathBuf) -> Result<FileBasedMigrations, Value> {
    FileBasedMigrations::from_path(folder).map_err(|error| json!(error.to_string()))
}

/// As an application does when it starts.
///
/// # Errors
/// Those of the call.
pub(super) async fn at_start(repo: &Repo, folder: &Path) -> Result<(), Error> {
    let migrations = FileBasedMigrations::from_path(folder)
        .map_err(|error| Error::MigrationFailed { why: error.to_string(), position: None })?;
    repo.migrate(migrations).await.map(drop)
}

/// `repo.migrate`: the versions that were pending.
async fn migrate(app: Arc<App>, folder: PathBuf) -> Result<Vec<String>, Value> {
    let applied = app.repo.migrate(source(folder)?).await.map_err(|error| outcome::of(&error))?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// Diesel's own harness on a connection of the repo.
async fn migrate_with_diesel(app: Arc<App>, folder: PathBuf) -> Result<Vec<String>, Value> {
    let source = source(folder)?;
    let ran = app.repo.run(move |conn| {
        let ran =
            conn.run_pending_migrations(source).map(|ran| ran.iter().map(ToString::to_string).collect());
        Ok::<_, Error>(ran.map_err(|error| error.to_string()))
    });
    ran.await.map_err(|error| outcome::of(&error))?.map_err(|error| json!(error))
}

async fn pending(app: Arc<App>, folder: PathBuf) -> Result<Vec<String>, Value> {
    let pending = app.repo.pending_migrations(source(folder)?).await.map_err(|error| outcome::of(&error))?;
    Ok(pending.iter().map(ToString::to_string).collect())
}
