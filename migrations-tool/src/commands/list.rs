//! `list`: all migrations, and which are applied.

use clap::Args;
use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::history::History;
use crate::output::Output;
use crate::session::Session;

/// List all migrations, and which of them are applied
///
/// Reads this node's file only, and makes nothing; works on a replica without its primary.
#[derive(Args, Debug)]
pub(crate) struct List {}

impl List {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let mut repos = Vec::new();
        session.each(|target| {
            let history = session.history(target)?;
            let entries = entries(&history);
            if output.json {
                let migrations = entries.iter().map(|entry| {
                    json!({ "version": entry.version, "name": entry.name, "applied": entry.applied,
                            "on_disk": entry.name.is_some(), "path": entry.path })
                });
                repos.push(json!({ "repo": target.repo.name, "migrations": migrations.collect::<Vec<_>>() }));
                return Ok(());
            }
            match session.targets.len() {
                1 => output.answer("Migrations:"),
                _ => output.answer(format_args!("Migrations of {}:", target.repo.name)),
            }
            for entry in &entries {
                let mark = if entry.applied { "X" } else { " " };
                match entry.name {
                    Some(name) => output.answer(format_args!("  [{mark}] {name}")),
                    None => {
                        output.answer(format_args!("  [{mark}] {} (applied, but not here)", entry.version))
                    }
                }
            }
            Ok(())
        })?;
        if output.json {
            output.json(&json!({ "repos": repos }));
        }
        Ok(Exit::Done)
    }
}

struct Entry<'h> {
    version: &'h str,
    /// `None` when it is not on disk.
    name: Option<&'h str>,
    applied: bool,
    path: Option<String>,
}

/// What is on disk and what is applied, in the order of the versions.
fn entries(history: &History) -> Vec<Entry<'_>> {
    let known = history.migrations.iter().map(|migration| Entry {
        version: &migration.version,
        name: Some(&migration.name),
        applied: history.is_applied(&migration.version),
        path: migration.folder().map(|folder| folder.display().to_string()),
    });
    let strangers =
        history.strangers().map(|version| Entry { version, name: None, applied: true, path: None });
    let mut entries: Vec<_> = known.chain(strangers).collect();
    entries.sort_by_key(|entry| entry.version);
    entries
}
