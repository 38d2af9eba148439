//! What the open transaction adds to the ledger, until it is committed.

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use rustc_hash::FxHashMap;

use super::clients::Client;
use super::entry::Entry;
use super::tables::{Tables, id as id_of, integer, writes};

/// A row that grows beyond this is written, and another begun.
const ROW: usize = 1 << 20;

/// All that is lost when the transaction is not committed.
#[derive(Default)]
pub(super) struct Pending {
    rows: FxHashMap<u128, Row>,
    /// The sequences that have an entry in a row that is written.
    entered: Vec<(u128, u64)>,
    pub(super) registered: Vec<(u128, Client)>,
    /// The tables that were there before it.
    pub(super) before: Option<Tables>,
    /// Whether anything is written that has to be committed.
    pub(super) written: bool,
    /// Whether a round of pruning is among it.
    pub(super) round: bool,
}

/// The entries of one client, not written yet.
struct Row {
    alias: i64,
    floor: u64,
    first: u64,
    last: u64,
    sequences: Vec<u64>,
    entries: Vec<u8>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        !self.written && self.rows.is_empty()
    }

    /// Adds an entry to the row of its client, which has this alias and watermark. How many rows had
    /// to be written for that.
    pub(super) fn add(
        &mut self,
        conn: &mut SqliteConnection,
        (id, alias, floor): (u128, i64, u64),
        entry: &Entry<'_>,
        limit: usize,
    ) -> QueryResult<usize> {
        let sequence = entry.sequence;
        let row = self.rows.entry(id).or_insert_with(|| Row {
            alias,
            floor,
            first: sequence,
            last: sequence,
            sequences: Vec::new(),
            entries: Vec::new(),
        });
        let before = row.sequences.last().copied().unwrap_or(0);
        entry.append(&mut row.entries, before, limit)?;
        row.sequences.push(sequence);
        row.floor = row.floor.max(floor);
        row.first = row.first.min(sequence);
        row.last = row.last.max(sequence);
        if row.entries.len() < ROW {
            return Ok(0);
        }
        self.flush(conn)
    }

    /// Writes the rows; how many.
    pub(super) fn flush(&mut self, conn: &mut SqliteConnection) -> QueryResult<usize> {
        let rows = self.rows.len();
        for (id, row) in self.rows.drain() {
            diesel::insert_into(writes::table)
                .values((
                    writes::id.eq(id_of(row.alias, row.first)),
                    writes::last.eq(integer(row.last)),
                    writes::floor.eq(integer(row.floor)),
                    writes::entries.eq(row.entries.as_slice()),
                ))
                .execute(conn)?;
            self.entered.extend(row.sequences.into_iter().map(|sequence| (id, sequence)));
            self.written = true;
        }
        Ok(rows)
    }

    /// The sequences that were entered, of each client.
    pub(super) fn entered(&mut self) -> impl Iterator<Item = (u128, u64)> {
        self.entered.drain(..)
    }
}
