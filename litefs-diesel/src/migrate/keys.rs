//! The connection's own settings that a migration may change, and that are back afterwards.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

/// What they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub(super) struct Keys {
    #[diesel(sql_type = Bool)]
    foreign_keys: bool,
    #[diesel(sql_type = Bool)]
    legacy_alter_table: bool,
}

impl Keys {
    pub(super) fn of(conn: &mut SqliteConnection) -> QueryResult<Self> {
        diesel::sql_query(
            "SELECT foreign_keys, (SELECT legacy_alter_table FROM pragma_legacy_alter_table) AS legacy_alter_table \
             FROM pragma_foreign_keys",
        )
        .get_result(conn)
    }

    /// Must not be in a transaction, in which SQLite ignores the first.
    pub(super) fn restore(self, conn: &mut SqliteConnection) -> QueryResult<()> {
        conn.batch_execute(&format!(
            "PRAGMA foreign_keys = {}; PRAGMA legacy_alter_table = {}",
            u8::from(self.foreign_keys),
            u8::from(self.legacy_alter_table)
        ))
    }
}

/// The rows that break a foreign key, in words; `None` when there are none.
pub(super) fn violations(conn: &mut SqliteConnection) -> QueryResult<Option<String>> {
    // Enough to find the mistake by.
    const SHOWN: usize = 3;
    let rows: Vec<Violation> = diesel::sql_query(
        "SELECT \"table\" AS child, coalesce(rowid, -1) AS line, parent FROM pragma_foreign_key_check LIMIT 4",
    )
    .load(conn)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let shown: Vec<_> = rows
        .iter()
        .take(SHOWN)
        .map(|Violation { child, line, parent }| format!("row {line} of {child} has no row in {parent}"))
        .collect();
    let more = if rows.len() > SHOWN { ", and more" } else { "" };
    Ok(Some(format!("{}{more}", shown.join(", "))))
}

#[derive(QueryableByName)]
struct Violation {
    #[diesel(sql_type = Text)]
    child: String,
    #[diesel(sql_type = BigInt)]
    line: i64,
    #[diesel(sql_type = Text)]
    parent: String,
}
