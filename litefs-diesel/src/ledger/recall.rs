//! What the ledger in a file has, for a connection that only reads.

use diesel::connection::Connection;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::entry::Stored;
use super::tables::{self, MOST_SEQUENCES, clients, number, rows_of, writes};
use super::writer::find_row;
use crate::request::RequestId;

/// What a file's history has of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recall {
    /// It is there: the history has the write, or its rejection.
    Present,
    /// It is not there, and above its client's watermark, if the client is known at all: this history
    /// does not have it.
    Absent,
    /// It is at or below the watermark, so the file cannot tell.
    Forgotten,
}

/// Looks each of them up, all in one snapshot of its own. A database without a ledger has none of
/// them. Never writes; the connection must have no transaction open.
pub(crate) fn recall(conn: &mut SqliteConnection, ids: &[RequestId]) -> QueryResult<Vec<Recall>> {
    conn.transaction(|conn| {
        if !tables::present(conn)?.writes {
            return Ok(vec![Recall::Absent; ids.len()]);
        }
        ids.iter().map(|id| recall_one(conn, *id)).collect()
    })
}

fn recall_one(conn: &mut SqliteConnection, id: RequestId) -> QueryResult<Recall> {
    let client: Option<(i64, i64)> = clients::table
        .filter(clients::client.eq(id.client.to_be_bytes().as_slice()))
        .select((clients::alias, clients::floor))
        .first(conn)
        .optional()?;
    let Some((alias, floor)) = client else { return Ok(Recall::Absent) };
    let highest: Option<i64> = writes::table
        .filter(rows_of(alias, MOST_SEQUENCES))
        .select(diesel::dsl::max(writes::floor))
        .first(conn)?;
    if id.sequence <= number(floor.max(highest.unwrap_or(0))) {
        return Ok(Recall::Forgotten);
    }
    Ok(match find_row(conn, alias, id.sequence)? {
        // It was looked for and not found, so it had been dropped before.
        None | Some(super::entry::Entry { stored: Stored::Ended, .. }) => Recall::Absent,
        Some(_) => Recall::Present,
    })
}
