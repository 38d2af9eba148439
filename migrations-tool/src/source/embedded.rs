//! Migrations that a program carries (`embed_migrations!`), with the SQL that they would run.

use diesel::migration::{Migration as DieselMigration, MigrationSource, Result as DieselResult};
use diesel::sqlite::Sqlite;

use super::migration::Text;
use super::recorder::Recorder;
use super::{Migration, Migrations, SourceError};

/// All migrations of a source. Each is run against a connection that only takes down its SQL.
pub(crate) fn embedded<S: MigrationSource<Sqlite>>(source: &S) -> Result<Migrations, SourceError> {
    let mut migrations = Migrations::default();
    let all = source.migrations().map_err(|error| SourceError::Embedded(error.to_string()))?;
    for migration in all {
        migrations.add(recorded(migration.as_ref())?)?;
    }
    Ok(migrations)
}

fn recorded(migration: &dyn DieselMigration<Sqlite>) -> Result<Migration, SourceError> {
    let name = migration.name().to_string();
    let up = record(|recorder| migration.run(recorder)).ok().flatten();
    let Some(up) = up else { return Err(SourceError::NoSql { name }) };
    // An error is how Diesel says that there is no `down.sql`.
    let down = record(|recorder| migration.revert(recorder)).ok().flatten();
    Ok(Migration {
        version: migration.name().version().to_string(),
        in_transaction: migration.metadata().run_in_transaction(),
        text: Text::Embedded { up, down },
        name,
    })
}

/// `None` when nothing was run.
fn record(run: impl FnOnce(&mut Recorder) -> DieselResult<()>) -> DieselResult<Option<String>> {
    let mut recorder = Recorder::default();
    run(&mut recorder)?;
    // On lines of their own: a text may end with a comment.
    let text = recorder.texts.join("\n;\n");
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}
