//! Which migrations a database has. Asks only: Diesel's own check makes the table.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

/// The versions that are applied, in their order; none where the table is not there yet. On a
/// connection that only reads, too.
///
/// # Errors
/// What the database says.
pub fn applied(conn: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    if !has_migrations_table(conn)? {
        return Ok(Vec::new());
    }
    let rows: Vec<Version> =
        diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version").load(conn)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// Whether a migration was ever run here.
///
/// # Errors
/// What the database says.
pub fn has_migrations_table(conn: &mut SqliteConnection) -> QueryResult<bool> {
    let sql = "SELECT count(*) > 0 AS yes FROM sqlite_master WHERE name = '__diesel_schema_migrations'";
    diesel::sql_query(sql).get_result::<Answer>(conn).map(|answer| answer.yes)
}

/// Whether this version is applied; the table has to be there.
pub(super) fn is_applied(conn: &mut SqliteConnection, version: &str) -> QueryResult<bool> {
    diesel::sql_query("SELECT count(*) > 0 AS yes FROM __diesel_schema_migrations WHERE version = ?")
        .bind::<Text, _>(version)
        .get_result::<Answer>(conn)
        .map(|answer| answer.yes)
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}
