//! The structure of a database as SQL, with the versions that are applied, so that a new database
//! begins where another one is.
//!
//! This room never writes to a database.

use std::fmt::Write;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use litefs_diesel::__tool::applied;

/// The objects of a database that are somebody's own: neither SQLite's (`sqlite_sequence`), nor what
/// a virtual table makes for itself, nor this library's, which its writer makes.
const OWN: &str = "sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
                   AND name NOT LIKE '\\_\\_litefs\\_diesel%' ESCAPE '\\' \
                   AND name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')";

/// All of it: tables, then what is made on them, then the versions.
pub(crate) fn dump(conn: &mut SqliteConnection) -> QueryResult<String> {
    // One snapshot: a migration may commit meanwhile.
    conn.transaction(|conn| {
        let objects: Vec<Object> = diesel::sql_query(format!(
            "SELECT sql FROM sqlite_master WHERE {OWN} ORDER BY type <> 'table', rowid"
        ))
        .load(conn)?;
        let versions = applied(conn)?;
        let mut text = String::from("-- The structure of the database, written by `litefs-migrate dump`.\n");
        for object in objects {
            text.push_str(&format!("\n{};\n", object.sql));
        }
        if !versions.is_empty() {
            text.push_str("\nINSERT INTO __diesel_schema_migrations (version) VALUES\n");
            for (at, version) in versions.iter().enumerate() {
                let end = if at + 1 == versions.len() { ";" } else { "," };
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  ('{}'){end}", version.replace('\'', "''"));
            }
        }
        Ok(text)
    })
}

/// Whether there is nothing in it.
pub(crate) fn is_empty(conn: &mut SqliteConnection) -> QueryResult<bool> {
    diesel::sql_query(format!("SELECT count(*) = 0 AS empty FROM sqlite_master WHERE {OWN}"))
        .get_result::<Empty>(conn)
        .map(|answer| answer.empty)
}

#[derive(QueryableByName)]
struct Object {
    #[diesel(sql_type = Text)]
    sql: String,
}

#[derive(QueryableByName)]
struct Empty {
    #[diesel(sql_type = Bool)]
    empty: bool,
}
