//! Migrations that a program carries (`embed_migrations!`).

use diesel::migration::MigrationSource;
use diesel::sqlite::Sqlite;
use litefs_diesel::__tool;

use super::migration::Text;
use super::{Migration, Migrations, SourceError};

/// All migrations of a source, with the SQL that they would run.
pub(crate) fn embedded<S: MigrationSource<Sqlite>>(source: &S) -> Result<Migrations, SourceError> {
    let mut migrations = Migrations::default();
    for embedded in __tool::embedded(source)? {
        migrations.add(Migration {
            version: embedded.version.clone(),
            name: embedded.name.clone(),
            in_transaction: embedded.in_transaction,
            text: Text::Embedded(embedded),
        })?;
    }
    Ok(migrations)
}
