//! The ledger's tables. Their names begin with `__`, so that Diesel's `print-schema` leaves them out.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::statement::{Fixed, Prepared};

/// The form of the tables. A database with a higher one was written by a newer release.
pub(super) const VERSION: i64 = 1;

diesel::table! {
    /// One row: the form of the tables, and the ledger's clock in milliseconds.
    #[sql_name = "__litefs_diesel_ledger"]
    ledger (version) {
        version -> BigInt,
        clock -> BigInt,
    }
}

diesel::table! {
    /// Who may write. `alias` stands for the client's random number in `writes`; a client that was
    /// not seen for long loses its number first, and the row when its writes are gone.
    #[sql_name = "__litefs_diesel_clients"]
    clients (alias) {
        alias -> BigInt,
        client -> Nullable<Binary>,
        floor -> BigInt,
        seen -> BigInt,
    }
}

diesel::table! {
    /// What one client did in one commit: the sequences from that of the [`id`] to `last`, not all of
    /// them, and the client's watermark at that time.
    #[sql_name = "__litefs_diesel_writes"]
    writes (id) {
        id -> BigInt,
        last -> BigInt,
        floor -> BigInt,
        entries -> Binary,
    }
}

diesel::table! {
    /// The application's own names for writes.
    #[sql_name = "__litefs_diesel_keys"]
    keys (name) {
        name -> Text,
        hash -> Binary,
        expires -> BigInt,
        entry -> Binary,
    }
}

/// Which of the tables a database has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) writes: bool,
    pub(super) keys: bool,
}

const LEDGER: &str = "\
    CREATE TABLE IF NOT EXISTS __litefs_diesel_ledger (version INTEGER PRIMARY KEY, clock INTEGER NOT NULL); \
    INSERT INTO __litefs_diesel_ledger SELECT 1, 0 WHERE NOT EXISTS (SELECT 1 FROM __litefs_diesel_ledger);";

/// Makes those of clients and writes.
pub(super) fn make_writes(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.batch_execute(LEDGER)?;
    conn.batch_execute(
        "CREATE TABLE IF NOT EXISTS __litefs_diesel_clients (\
           alias INTEGER PRIMARY KEY, client BLOB UNIQUE, floor INTEGER NOT NULL, seen INTEGER NOT NULL); \
         CREATE TABLE IF NOT EXISTS __litefs_diesel_writes (\
           id INTEGER PRIMARY KEY, last INTEGER NOT NULL, floor INTEGER NOT NULL, entries BLOB NOT NULL)",
    )
}

/// Makes that of the keys.
pub(super) fn make_keys(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.batch_execute(LEDGER)?;
    conn.batch_execute(
        "CREATE TABLE IF NOT EXISTS __litefs_diesel_keys (\
           name TEXT PRIMARY KEY, hash BLOB NOT NULL, expires INTEGER NOT NULL, entry BLOB NOT NULL) WITHOUT ROWID; \
         CREATE INDEX IF NOT EXISTS __litefs_diesel_keys_expires ON __litefs_diesel_keys (expires)",
    )
}

/// Which of them are there.
pub(super) fn present(conn: &mut SqliteConnection) -> QueryResult<Tables> {
    let (writes, keys) = Prepared::<Present>::row::<(i64, i64), (BigInt, BigInt)>(conn)?;
    Ok(Tables { writes: writes == 2, keys: keys == 2 })
}

/// The form of the tables and the clock, if anything has been made.
pub(super) fn state(conn: &mut SqliteConnection) -> QueryResult<Option<(i64, i64)>> {
    ledger::table.select((ledger::version, ledger::clock)).first(conn).optional()
}

/// Grows when another connection has written.
pub(super) fn data_version(conn: &mut SqliteConnection) -> QueryResult<i64> {
    Prepared::<DataVersion>::row::<i64, BigInt>(conn)
}

struct Present;
impl Fixed for Present {
    const SQL: &'static str = "SELECT \
        COUNT(*) FILTER (WHERE name IN ('__litefs_diesel_ledger', '__litefs_diesel_writes')), \
        COUNT(*) FILTER (WHERE name IN ('__litefs_diesel_ledger', '__litefs_diesel_keys')) \
        FROM main.sqlite_schema WHERE type = 'table'";
}

struct DataVersion;
impl Fixed for DataVersion {
    const SQL: &'static str = "PRAGMA data_version";
}

/// How many bits of a row's id are its sequence; the others are the alias. Together one integer: a row
/// is appended to one page, where a key of two columns would be an index, and a page more.
const SEQUENCE_BITS: u32 = 44;

/// No client has more: 17 trillion are enough for a million a second for half a year.
pub(super) const MOST_SEQUENCES: u64 = (1 << SEQUENCE_BITS) - 1;

/// So many clients may be known at a time.
pub(super) const MOST_CLIENTS: i64 = (1 << (63 - SEQUENCE_BITS)) - 1;

/// The id of the row of a client whose first sequence is that.
pub(super) fn id(alias: i64, sequence: u64) -> i64 {
    (alias << SEQUENCE_BITS) | integer(sequence.min(MOST_SEQUENCES))
}

/// The first sequence of a row.
pub(super) fn first_of(id: i64) -> u64 {
    number(id) & MOST_SEQUENCES
}

/// The rows of a client that begin at or below a sequence.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn rows_of(alias: i64, to: u64) -> _ {
    let first: i64 = id(alias, 0);
    let last: i64 = id(alias, to);
    writes::id.between(first, last)
}

/// An alias that is free.
pub(super) fn free_alias(conn: &mut SqliteConnection) -> QueryResult<i64> {
    let next = Prepared::<NextAlias>::row::<i64, BigInt>(conn)?;
    let alias = if next > MOST_CLIENTS { Prepared::<Gap>::row::<i64, BigInt>(conn)? } else { next };
    if alias > MOST_CLIENTS {
        let why = format!("the ledger has {MOST_CLIENTS} clients, and takes no more");
        return Err(diesel::result::Error::SerializationError(why.into()));
    }
    Ok(alias)
}

struct NextAlias;
impl Fixed for NextAlias {
    const SQL: &'static str = "SELECT IFNULL(MAX(alias), 0) + 1 FROM __litefs_diesel_clients";
}

/// The lowest; only looked for when the highest is taken.
struct Gap;
impl Fixed for Gap {
    const SQL: &'static str = "\
        SELECT MIN(alias) + 1 FROM (SELECT 0 AS alias UNION ALL SELECT alias FROM __litefs_diesel_clients) AS c \
        WHERE NOT EXISTS (SELECT 1 FROM __litefs_diesel_clients AS d WHERE d.alias = c.alias + 1)";
}

/// A sequence or a time as SQLite has it. None of ours comes near the limit; a peer's that does is
/// never above it.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// And back; what nobody of us wrote counts as nothing.
pub(super) fn number(integer: i64) -> u64 {
    u64::try_from(integer).unwrap_or(0)
}
