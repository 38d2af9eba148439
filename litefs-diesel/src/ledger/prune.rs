//! Taking away what nobody can ask for any more, a little with each of some commits.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use super::clients::Clients;
use super::keys;
use super::tables::{Tables, clients, id, integer, ledger, number};

/// A round is made when so much time has passed since the one before, or so many rows were written.
const PAUSE: Duration = Duration::from_secs(1);
const ROWS: usize = 128;

/// How many rows a round takes away, at least; and twice as many as were written since the last one.
const LEAST: usize = 1_024;

/// How many clients a round looks at for their age.
const VISITS: i64 = 64;

/// The ledger's clock, and how long a client is kept on it; in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) now: u64,
    pub(super) keep: u64,
}

/// When the next round is, and where it goes on.
pub(super) struct Pruner {
    last: Instant,
    rows: usize,
    /// The alias of the client that was looked at last.
    visited: i64,
}

impl Pruner {
    pub(super) fn new() -> Self {
        Self { last: Instant::now(), rows: 0, visited: 0 }
    }

    /// So many rows were written.
    pub(super) fn grew(&mut self, rows: usize) {
        self.rows += rows;
    }

    pub(super) fn is_due(&self) -> bool {
        self.rows >= ROWS || self.last.elapsed() >= PAUSE
    }

    /// A round is committed.
    pub(super) fn done(&mut self) {
        self.last = Instant::now();
        self.rows = 0;
    }

    /// Writes down watermarks, ages and the clock, and takes away what these have made useless.
    pub(super) fn round(
        &mut self,
        conn: &mut SqliteConnection,
        known: &mut Clients,
        tables: Tables,
        times: Times,
    ) -> QueryResult<()> {
        let mut budget = LEAST.max(2 * self.rows);
        // The watermark goes with the rows below it: without both, a late attempt would find neither.
        known.save(conn)?;
        for client in known.stale() {
            budget -= delete(conn, client.alias, client.floor, budget)?;
        }
        self.age(conn, known, times, budget)?;
        if tables.keys {
            keys::expire(conn, times.now, VISITS)?;
        }
        diesel::update(ledger::table).set(ledger::clock.eq(integer(times.now))).execute(conn)?;
        Ok(())
    }

    /// Forgets some of the clients that have not asked for long.
    fn age(
        &mut self,
        conn: &mut SqliteConnection,
        known: &mut Clients,
        times: Times,
        mut budget: usize,
    ) -> QueryResult<()> {
        let visited: Vec<(i64, Option<Vec<u8>>, i64)> = clients::table
            .filter(clients::alias.gt(self.visited))
            .order(clients::alias)
            .limit(VISITS)
            .select((clients::alias, clients::client, clients::seen))
            .load(conn)?;
        let all = visited.len() as i64 == VISITS;
        self.visited = visited.last().filter(|_| all).map_or(0, |(alias, ..)| *alias);
        for (alias, client, seen) in visited {
            let aged = number(seen).saturating_add(times.keep) < times.now;
            if client.is_some() && !aged {
                continue;
            }
            let deleted = delete(conn, alias, u64::MAX, budget)?;
            let done = deleted < budget;
            budget -= deleted;
            if done {
                diesel::delete(clients::table.find(alias)).execute(conn)?;
            } else if client.is_some() {
                // Unknown from now on, and its alias stays taken for as long as it has rows.
                let nobody = clients::client.eq(None::<&[u8]>);
                diesel::update(clients::table.find(alias)).set(nobody).execute(conn)?;
            }
            if let Some(id) = client.and_then(|client| <[u8; 16]>::try_from(client).ok()) {
                known.remove(u128::from_be_bytes(id));
            }
        }
        Ok(())
    }
}

/// Deletes a client's rows that are wholly at or below a sequence, so many at most; how many.
fn delete(conn: &mut SqliteConnection, alias: i64, floor: u64, most: usize) -> QueryResult<usize> {
    diesel::sql_query(
        "DELETE FROM __litefs_diesel_writes WHERE id IN (\
           SELECT id FROM __litefs_diesel_writes WHERE id BETWEEN ? AND ? AND last <= ? ORDER BY id LIMIT ?)",
    )
    .bind::<BigInt, _>(id(alias, 0))
    .bind::<BigInt, _>(id(alias, floor))
    .bind::<BigInt, _>(integer(floor))
    .bind::<BigInt, _>(integer(most as u64))
    .execute(conn)
}
