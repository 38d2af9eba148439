//! Migrations that a program carries (`embed_migrations!`), with the SQL that they would run.

use std::collections::BTreeMap;

use diesel::migration::{Migration, MigrationSource, Result as DieselResult};
use diesel::sqlite::Sqlite;

use super::{Kind, Step};
use crate::statement::recorder::Recorder;

/// One migration of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Diesel's: the text before the first `_`, dashes left out.
    pub version: String,
    /// The whole name, `2026-01-31-120000_create_users`.
    pub name: String,
    /// Whether it runs in a transaction.
    pub in_transaction: bool,
    /// What applies it.
    pub up: String,
    /// What undoes it, when anything does.
    pub down: Option<String>,
}

/// Migrations of a program cannot be used. Nothing was run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Diesel's source does not give them.
    #[error("the embedded migrations cannot be read: {0}")]
    Unreadable(String),
    /// It does not say what it would run.
    #[error(
        "{name} shows no SQL: it is empty, or written in Rust, and such migrations cannot travel to the primary; write \
         it as SQL"
    )]
    NoSql {
        /// The migration's name.
        name: String,
    },
    /// Which of them is applied could not be told.
    #[error("two migrations have the version {version}: {first} and {second}; rename one of them")]
    Twice {
        /// What both of them have.
        version: String,
        /// The one's name.
        first: String,
        /// The other's name.
        second: String,
    },
}

/// All migrations of a source, in the order of their versions. Each is run against a connection that
/// only takes down its SQL.
///
/// # Errors
/// The first migration that cannot be used.
pub fn embedded<S: MigrationSource<Sqlite> + ?Sized>(source: &S) -> Result<Vec<Embedded>, EmbeddedError> {
    let mut migrations = BTreeMap::<String, Embedded>::new();
    let all = source.migrations().map_err(|error| EmbeddedError::Unreadable(error.to_string()))?;
    for migration in all {
        let migration = recorded(migration.as_ref())?;
        let (version, second) = (migration.version.clone(), migration.name.clone());
        if let Some(first) = migrations.insert(version.clone(), migration) {
            return Err(EmbeddedError::Twice { version, first: first.name, second });
        }
    }
    Ok(migrations.into_values().collect())
}

fn recorded(migration: &dyn Migration<Sqlite>) -> Result<Embedded, EmbeddedError> {
    let name = migration.name().to_string();
    let up = record(|recorder| migration.run(recorder)).ok().flatten();
    let Some(up) = up else { return Err(EmbeddedError::NoSql { name }) };
    // An error is how Diesel says that there is no `down.sql`.
    let down = record(|recorder| migration.revert(recorder)).ok().flatten();
    let version = migration.name().version().to_string();
    let in_transaction = migration.metadata().run_in_transaction();
    Ok(Embedded { version, name, in_transaction, up, down })
}

/// `None` when nothing was run, or something that is no text and depends on the database.
fn record(run: impl FnOnce(&mut Recorder) -> DieselResult<()>) -> DieselResult<Option<String>> {
    let mut recorder = Recorder::default();
    run(&mut recorder)?;
    // On lines of their own: a text may end with a comment.
    let text = recorder.texts.join("\n;\n");
    Ok(Some(text).filter(|text| recorder.statements.is_empty() && !text.trim().is_empty()))
}

impl Embedded {
    /// What errors call the place where its `up.sql` or `down.sql` is written.
    #[must_use]
    pub fn place(&self, file: &str) -> String {
        format!("{}/{file} (embedded)", self.name)
    }

    /// The step that applies it.
    pub(crate) fn into_up(self) -> Step {
        Step {
            kind: Kind::Up,
            file: self.place("up.sql"),
            version: self.version,
            name: self.name,
            sql: self.up,
            in_transaction: self.in_transaction,
        }
    }
}
