//! The ledger as the writer has it, beside its connection.

use std::time::Duration;

use diesel::prelude::*;
use diesel::result::{Error, QueryResult};
use diesel::sqlite::SqliteConnection;

use super::clients::{Client, Clients};
use super::clock::{Clock, millis};
use super::entry::{Entry, Stored};
use super::pending::Pending;
use super::prune::{self, Pruner};
use super::ranges::Ranges;
use super::tables::{self, MOST_SEQUENCES, Tables, clients, integer, rows_of, writes};
use crate::request::{RequestId, Stamp};

/// A ticket that is older registers nobody: the frame that brought it sat somewhere, and whoever sent
/// it may have gone on long ago.
const TICKET: Duration = Duration::from_secs(30);

/// How a ledger is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether writes have entries at all: on a database that is replicated.
    pub(crate) ids: bool,
    /// A result of more bytes is not kept.
    pub(crate) result: usize,
    /// A client that has not asked for so long is forgotten with all it did.
    pub(crate) keep: Duration,
}

/// What the ledger says of a write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// Nobody ran it.
    Fresh,
    Stored(Stored<'static>),
    /// The id was used for another request.
    OtherRequest,
    /// Its client has forgotten it.
    Late,
    /// Its client has to register, with this ticket.
    UnknownClient {
        ticket: u64,
    },
}

/// The ledger of the open connection. Its methods are called within the writer's transaction, after
/// [`Ledger::begin`]; what they write is part of it.
pub(crate) struct Ledger {
    pub(super) rules: Rules,
    /// The role's epoch and SQLite's data version for which all that is kept here is true.
    valid: Option<(u64, i64)>,
    epoch: u64,
    /// Whether `valid` was looked at in this transaction.
    checked: bool,
    pub(super) tables: Tables,
    clock: Clock,
    clients: Clients,
    pub(super) pending: Pending,
    pruner: Pruner,
}

impl Ledger {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            valid: None,
            epoch: 0,
            checked: false,
            tables: Tables::default(),
            clock: Clock::from_stored(0),
            clients: Clients::default(),
            pending: Pending::default(),
            pruner: Pruner::new(),
        }
    }

    /// Whether writes have entries.
    pub(crate) fn keeps_ids(&self) -> bool {
        self.rules.ids
    }

    /// Right after `BEGIN IMMEDIATE`. What the transaction before it added is forgotten unless it
    /// was [committed](Self::committed).
    pub(crate) fn begin(&mut self, conn: &mut SqliteConnection, epoch: u64) -> QueryResult<()> {
        if let Some(before) = std::mem::take(&mut self.pending).before {
            self.tables = before;
        }
        self.epoch = epoch;
        self.checked = false;
        if self.rules.ids { self.check(conn) } else { Ok(()) }
    }

    /// Makes sure that what is kept here is still true: nobody else wrote, and the role is the same.
    pub(super) fn check(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        if self.checked {
            return Ok(());
        }
        let now = (self.epoch, tables::data_version(conn)?);
        if self.valid != Some(now) {
            self.valid = None;
            self.clients.forget_all();
            self.tables = tables::present(conn)?;
            let made = self.tables.writes || self.tables.keys;
            let state = if made { tables::state(conn)? } else { None };
            let (version, clock) = state.unwrap_or((tables::VERSION, 0));
            if version > tables::VERSION {
                let why = format!(
                    "the database's ledger has version {version}, of a newer litefs-diesel; this one knows {}",
                    tables::VERSION
                );
                return Err(Error::DeserializationError(why.into()));
            }
            self.clock = Clock::from_stored(clock);
            self.valid = Some(now);
        }
        self.checked = true;
        Ok(())
    }

    /// What is kept here may not be true: the transaction may have been ended by somebody else.
    pub(crate) fn doubt(&mut self) {
        self.valid = None;
    }

    /// What there is of a write. Hears the client's watermark, too.
    pub(crate) fn find(&mut self, conn: &mut SqliteConnection, stamp: &Stamp) -> QueryResult<Found> {
        self.look_up(conn, stamp, Some(stamp.hash))
    }

    /// The same for a question, which does not know what the write was.
    pub(crate) fn look(&mut self, conn: &mut SqliteConnection, stamp: &Stamp) -> QueryResult<Found> {
        self.look_up(conn, stamp, None)
    }

    fn look_up(
        &mut self,
        conn: &mut SqliteConnection,
        stamp: &Stamp,
        expected: Option<u64>,
    ) -> QueryResult<Found> {
        if !self.rules.ids {
            return Ok(Found::Fresh);
        }
        let now = self.now();
        let RequestId { client: id, sequence } = stamp.id;
        let Some(client) = self.client(conn, id)? else {
            return Ok(Found::UnknownClient { ticket: now });
        };
        client.hear(stamp.forgotten, now);
        if sequence <= client.floor || sequence > MOST_SEQUENCES {
            return Ok(Found::Late);
        }
        if !client.entered.may_contain(sequence) {
            return Ok(Found::Fresh);
        }
        let alias = client.alias;
        Ok(match find_row(conn, alias, sequence)? {
            None => Found::Fresh,
            // Whoever asks for one that was ended is late, whatever he asks.
            Some(Entry { stored: Stored::Ended, .. }) => Found::Stored(Stored::Ended),
            Some(entry) if expected.is_some_and(|expected| !entry.is_of(expected)) => Found::OtherRequest,
            Some(Entry { stored, .. }) => Found::Stored(stored),
        })
    }

    /// The ledger's clock, in milliseconds.
    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    fn client(&mut self, conn: &mut SqliteConnection, id: u128) -> QueryResult<Option<&mut Client>> {
        if let Some((_, client)) = self.pending.registered.iter_mut().find(|(known, _)| *known == id) {
            return Ok(Some(client));
        }
        if self.tables.writes { self.clients.get(conn, id) } else { Ok(None) }
    }

    /// Makes a client known, whose writes up to `stamp.forgotten` are over. `Err` within: the ticket
    /// is too old, and this is a new one.
    pub(crate) fn register(
        &mut self,
        conn: &mut SqliteConnection,
        stamp: &Stamp,
        ticket: u64,
    ) -> QueryResult<Result<(), u64>> {
        if !self.rules.ids {
            return Ok(Ok(()));
        }
        let now = self.now();
        // Of a time to come: of another history.
        if ticket > now || now - ticket > millis(TICKET) {
            return Ok(Err(now));
        }
        let id = stamp.id.client;
        if let Some(client) = self.client(conn, id)? {
            client.hear(stamp.forgotten, now);
            return Ok(Ok(()));
        }
        if !self.tables.writes {
            self.pending.before.get_or_insert(self.tables);
            tables::make_writes(conn)?;
            self.tables.writes = true;
        }
        let floor = stamp.forgotten;
        let alias = tables::free_alias(conn)?;
        diesel::insert_into(clients::table)
            .values((
                clients::alias.eq(alias),
                clients::client.eq(Some(id.to_be_bytes().as_slice())),
                clients::floor.eq(integer(floor)),
                clients::seen.eq(integer(now)),
            ))
            .execute(conn)?;
        let client = Client { alias, floor, seen: now, stale: false, entered: Ranges::default() };
        self.pending.registered.push((id, client));
        self.pending.written = true;
        Ok(Ok(()))
    }

    /// Enters how a write ended, which [`Ledger::find`] has just called fresh.
    pub(crate) fn enter(
        &mut self,
        conn: &mut SqliteConnection,
        stamp: &Stamp,
        stored: Stored<'_>,
    ) -> QueryResult<()> {
        if !self.rules.ids {
            return Ok(());
        }
        let id = stamp.id.client;
        let Self { pending, clients, .. } = self;
        let registered = pending.registered.iter().find(|(known, _)| *known == id);
        let client = match registered {
            Some((_, client)) => client,
            None => clients.get(conn, id)?.ok_or(Error::NotFound)?,
        };
        let client = (id, client.alias, client.floor);
        let entry = Entry::new(stamp.id.sequence, stamp.hash, stored);
        let rows = pending.add(conn, client, &entry, self.rules.result)?;
        self.pruner.grew(rows);
        Ok(())
    }

    /// Whether the transaction has anything of the ledger that has to be committed.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes the entries so far: before a step that could end the transaction by itself.
    pub(crate) fn flush(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        let rows = self.pending.flush(conn)?;
        self.pruner.grew(rows);
        Ok(())
    }

    /// Writes all that is to be in the commit, which is next.
    pub(crate) fn seal(&mut self, conn: &mut SqliteConnection) -> QueryResult<()> {
        self.flush(conn)?;
        if self.rules.ids && self.tables.writes && self.pruner.is_due() {
            let times = prune::Times { now: self.now(), keep: millis(self.rules.keep) };
            self.pruner.round(conn, &mut self.clients, self.tables, times)?;
            self.pending.round = true;
        }
        Ok(())
    }

    /// The transaction is committed.
    pub(crate) fn committed(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        for (id, client) in pending.registered.drain(..) {
            self.clients.insert(id, client);
        }
        for (id, sequence) in pending.entered() {
            if let Some(client) = self.clients.known(id) {
                client.entered.insert(sequence, sequence);
            }
        }
        if pending.round {
            self.pruner.done();
            self.clients.saved();
        }
    }
}

/// The entry of a sequence, from the rows that may have it.
pub(super) fn find_row(
    conn: &mut SqliteConnection,
    alias: i64,
    sequence: u64,
) -> QueryResult<Option<Entry<'static>>> {
    let rows = writes::table
        .filter(rows_of(alias, sequence).and(writes::last.ge(integer(sequence))))
        .order(writes::id.desc())
        .select(writes::entries)
        .load_iter::<Vec<u8>, _>(conn)?;
    for row in rows {
        if let Some(entry) = Entry::find(&row?, sequence)? {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}
