//! Holds the open transaction against a COMMIT that is not the writer's.
//!
//! A row of a TEMP table breaks a deferred foreign key for as long as it is there. So SQLite itself
//! refuses to commit, whoever asks, and the transaction stays open. With the setting `foreign_keys`
//! off it refuses nothing; but the row is part of the transaction all the same, and tells
//! afterwards whether that was committed or rolled back.

use diesel::connection::{Connection, SimpleConnection};
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::statement::{Fixed, Prepared};

/// Without row ids, so that `last_insert_rowid()` stays what it is.
pub(super) fn set_up(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.batch_execute(
        "CREATE TEMP TABLE IF NOT EXISTS litefs_diesel_never (id INTEGER PRIMARY KEY); \
         CREATE TEMP TABLE IF NOT EXISTS litefs_diesel_hold (\
           id INTEGER PRIMARY KEY REFERENCES litefs_diesel_never (id) DEFERRABLE INITIALLY DEFERRED\
         ) WITHOUT ROWID",
    )
}

/// From now on the open transaction cannot be committed.
pub(super) fn take(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.execute_returning_count(&Prepared::<Take>::NEW).map(drop)
}

/// It can be, from now on; `false` when this is not the transaction that was held.
pub(super) fn release(conn: &mut SqliteConnection) -> QueryResult<bool> {
    Ok(conn.execute_returning_count(&Prepared::<Release>::NEW)? == 1)
}

/// Whether the transaction that was held, and is open no more, was committed.
pub(super) fn was_committed(conn: &mut SqliteConnection) -> QueryResult<bool> {
    Ok(Prepared::<Count>::row::<i64, BigInt>(conn)? == 1)
}

struct Take;
impl Fixed for Take {
    const SQL: &'static str = "INSERT INTO temp.litefs_diesel_hold (id) VALUES (1)";
}

struct Release;
impl Fixed for Release {
    const SQL: &'static str = "DELETE FROM temp.litefs_diesel_hold WHERE id = 1";
}

struct Count;
impl Fixed for Count {
    const SQL: &'static str = "SELECT COUNT(*) FROM temp.litefs_diesel_hold";
}
