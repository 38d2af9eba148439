//! Migrations by the application itself, from a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use litefs_diesel::Error;
use serde_json::{Value, json};

use super::app::{App, Repo};
use super::outcome;
use crate::app::Commands;

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands.add("migrate", migrate).add("run_pending", run_pending)
}

/// As an application does when it starts: gives the versions that were pending.
///
/// # Errors
/// Those of the call.
pub(super) async fn at_boot(repo: &Repo, folder: &Path) -> Result<Vec<String>, Error> {
    let migrations = FileBasedMigrations::from_path(folder)
        .map_err(|error| Error::MigrationFailed { why: error.to_string(), position: None })?;
    Ok(repo.migrate(migrations).await?.iter().map(ToString::to_string).collect())
}

async fn migrate(app: Arc<App>, folder: PathBuf) -> Result<Vec<String>, Value> {
    at_boot(&app.repo, &folder).await.map_err(|error| outcome::of(&error))
}

/// Diesel's own harness on a connection.
async fn run_pending(app: Arc<App>, folder: PathBuf) -> Result<usize, Value> {
    let repo = app.repo.clone();
    let run = move || {
        let migrations = FileBasedMigrations::from_path(folder).map_err(|error| json!(error.to_string()))?;
        let mut conn = repo.connection().map_err(|error| outcome::of(&error))?;
        let ran = conn.run_pending_migrations(migrations).map_err(|error| json!(error.to_string()))?;
        Ok(ran.len())
    };
    tokio::task::spawn_blocking(run).await.map_err(|error| json!(error.to_string()))?
}
