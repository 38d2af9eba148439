//! What the ledger knows of the clients without asking the database.

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use rustc_hash::FxHashMap;

use super::ranges::Ranges;
use super::tables::{MOST_SEQUENCES, clients, first_of, integer, number, rows_of, writes};

/// More clients than this are not kept in memory.
const MOST: usize = 4_096;

/// What is known of one client. It is true for as long as nobody else writes the database.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) alias: i64,
    /// Up to here all is over.
    pub(super) floor: u64,
    /// When it last asked, on the ledger's clock.
    pub(super) seen: u64,
    /// Whether `floor` or `seen` is more than its row says.
    pub(super) stale: bool,
    /// The sequences that may have an entry.
    pub(super) entered: Ranges,
}

impl Client {
    /// The client said where its watermark is, which only ever grows.
    pub(super) fn hear(&mut self, forgotten: u64, now: u64) {
        self.stale = true;
        self.seen = self.seen.max(now);
        if forgotten > self.floor {
            self.floor = forgotten;
            self.entered.remove_to(forgotten);
        }
    }

    /// From its row and those of its writes.
    fn load(conn: &mut SqliteConnection, client: u128) -> QueryResult<Option<Self>> {
        let row: Option<(i64, i64, i64)> = clients::table
            .filter(clients::client.eq(client.to_be_bytes().as_slice()))
            .select((clients::alias, clients::floor, clients::seen))
            .first(conn)
            .optional()?;
        let Some((alias, floor, seen)) = row else { return Ok(None) };
        let mut client = Self {
            alias,
            floor: number(floor),
            seen: number(seen),
            stale: false,
            entered: Ranges::default(),
        };
        let rows = writes::table
            .filter(rows_of(alias, MOST_SEQUENCES))
            .select((writes::id, writes::last, writes::floor))
            .load_iter::<(i64, i64, i64), _>(conn)?;
        for row in rows {
            let (id, last, floor) = row?;
            client.entered.insert(first_of(id), number(last));
            client.floor = client.floor.max(number(floor));
        }
        client.entered.remove_to(client.floor);
        Ok(Some(client))
    }
}

/// Those that have asked of late.
#[derive(Debug, Default)]
pub(super) struct Clients {
    known: FxHashMap<u128, Client>,
}

impl Clients {
    /// What is known of a client; from the database when it has not asked of late.
    pub(super) fn get(
        &mut self,
        conn: &mut SqliteConnection,
        client: u128,
    ) -> QueryResult<Option<&mut Client>> {
        use std::collections::hash_map::Entry;
        match self.known.entry(client) {
            Entry::Occupied(known) => Ok(Some(known.into_mut())),
            Entry::Vacant(vacant) => Ok(Client::load(conn, client)?.map(|client| vacant.insert(client))),
        }
    }

    pub(super) fn known(&mut self, client: u128) -> Option<&mut Client> {
        self.known.get_mut(&client)
    }

    pub(super) fn insert(&mut self, id: u128, client: Client) {
        self.known.insert(id, client);
    }

    pub(super) fn remove(&mut self, client: u128) {
        self.known.remove(&client);
    }

    pub(super) fn forget_all(&mut self) {
        self.known.clear();
    }

    /// Writes down what the rows do not say yet. Each of these has asked since the last time.
    pub(super) fn save(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        for client in self.known.values().filter(|client| client.stale) {
            diesel::update(clients::table.find(client.alias))
                .set((clients::floor.eq(integer(client.floor)), clients::seen.eq(integer(client.seen))))
                .execute(conn)?;
        }
        Ok(())
    }

    /// What [`Clients::save`] wrote is committed.
    pub(super) fn saved(&mut self) {
        if self.known.len() > MOST {
            self.known.clear();
        }
        for client in self.known.values_mut() {
            client.stale = false;
        }
    }

    /// The clients whose rows are to be looked through.
    pub(super) fn stale(&self) -> impl Iterator<Item = &Client> {
        self.known.values().filter(|client| client.stale)
    }
}
