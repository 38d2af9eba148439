//! Transactions that only read: one snapshot, held for a bounded time.

use std::time::Instant;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::result::{Error as DieselError, QueryResult};
use diesel::sql_types::Bool;

use super::litefs_connection::{LitefsConnection, Way};
use super::node::NodeConnection;
use crate::error::Error;
use crate::reader::too_long;
use crate::request::{Ack, Begin, Terms, Transaction};
use crate::statement::kind::{Effect, Kind};
use crate::statement::pragma::{Does, Pragma};
use crate::statement::split::split;
use crate::statement::{Statement, Want};

/// Whose file a read transaction reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadsOn {
    Here,
    /// The primary's, in a transaction of its writer.
    Primary,
}

impl LitefsConnection {
    /// Runs a closure whose reads all see this node's file as it is at the first of them, and nothing
    /// that is committed later. It never asks the primary.
    ///
    /// It can be open for as long as the setting `read_transaction` says (default 2 s): while one is,
    /// LiteFS on this node can neither apply what others wrote nor be elected. After that its reads
    /// fail, and the snapshot is given up whatever the closure is at. So read, and work on the rows
    /// when it is over. A single statement cannot be cut short between two of its rows.
    ///
    /// On a connection that is alone there is no such limit.
    ///
    /// # Errors
    /// Those of the closure. In it, a statement that writes is refused with
    /// [`Error::WriteInRead`](crate::Error::WriteInRead), and reads that come too late end with
    /// [`Error::ReadTimeout`](crate::Error::ReadTimeout); [`outcome`](crate::outcome) takes both out of
    /// Diesel's error. [`DieselError::AlreadyInTransaction`] in a transaction.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use litefs_diesel::LitefsConnection;
    ///
    /// diesel::table! { accounts { id -> Integer, cents -> BigInt, } }
    ///
    /// # let mut conn = LitefsConnection::establish(":memory:")?;
    /// # diesel::sql_query("CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL)").execute(&mut conn)?;
    /// let (ids, cents): (Vec<i32>, Vec<i64>) = conn.read_transaction(|conn| {
    ///     let ids = accounts::table.select(accounts::id).load(conn)?;
    ///     QueryResult::Ok((ids, accounts::table.select(accounts::cents).load(conn)?))
    /// })?;
    /// assert_eq!(ids.len(), cents.len(), "both saw the same accounts");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_transaction<T, E, F>(&mut self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<DieselError>,
    {
        self.read_transaction_on(ReadsOn::Here, f)
    }

    pub(crate) fn read_transaction_on<T, E, F>(&mut self, on: ReadsOn, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<DieselError>,
    {
        let writable = match &mut self.way {
            Way::Node(node) => {
                node.reads_next = Some(on);
                false
            }
            Way::Alone(_) => self.set_query_only(true)?,
        };
        let began = AnsiTransactionManager::begin_transaction_sql(self, "BEGIN");
        if let Way::Node(node) = &mut self.way {
            node.reads_next = None;
        }
        let done = match began {
            Ok(()) => {
                let done = f(self);
                let ended = AnsiTransactionManager::rollback_transaction(self);
                // Nothing is lost by an end that failed; the closure's own error says more.
                done.and_then(|value| ended.map(|()| value).map_err(E::from))
            }
            Err(error) => Err(error.into()),
        };
        if writable {
            self.set_query_only(false)?;
        }
        done
    }

    /// On a connection that is alone: whether this changed anything.
    fn set_query_only(&mut self, on: bool) -> QueryResult<bool> {
        let Way::Alone(conn) = &mut self.way else { return Ok(false) };
        let was = diesel::RunQueryDsl::get_result::<bool>(
            diesel::dsl::sql::<Bool>("PRAGMA query_only"),
            &mut **conn,
        )?;
        if was != on {
            conn.batch_execute(if on { "PRAGMA query_only = 1" } else { "PRAGMA query_only = 0" })?;
        }
        Ok(was != on)
    }
}

/// What a transaction that only reads lets run.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnlyReads {
    /// Its own time is over then. The pool looks by itself; the primary knows of no such limit.
    pub(super) until: Instant,
}

impl NodeConnection {
    /// Opens the transaction that [`LitefsConnection::read_transaction`] asked for.
    pub(super) fn begin_reading(&mut self, on: ReadsOn) -> QueryResult<(Box<dyn Transaction>, OnlyReads)> {
        // It writes nothing: whether a write could go everywhere is no concern of its.
        let terms = Terms { ack: Ack::Committed, ..self.terms() };
        let session = self.answers.session();
        let remote = match on {
            ReadsOn::Here => self.access.wait(|| self.access.readers.begin(terms.deadline))?,
            ReadsOn::Primary => {
                self.access.wait(|| self.access.primary.begin(Begin::Immediate, session, terms))?
            }
        };
        Ok((remote, OnlyReads { until: Instant::now() + self.access.readers.limit() }))
    }

    /// Whether a statement may run in a transaction that only reads.
    pub(super) fn admit_read(&mut self, only: OnlyReads, statement: &Statement) -> Result<(), Error> {
        if Instant::now() >= only.until {
            return Err(too_long(self.access.readers.limit()));
        }
        let mut parts = split(&statement.sql);
        if statement.want != Want::Batch {
            parts.truncate(1);
        }
        if parts.iter().all(|part| self.may_read(part.sql)) { Ok(()) } else { Err(writes()) }
    }

    fn may_read(&mut self, sql: &str) -> bool {
        if let Some(pragma) = Pragma::parse(sql) {
            return pragma.does() == Does::Asks;
        }
        match self.known.kind_of_text(&self.access.kinds, sql) {
            // What SQLite cannot say here, it says when it runs. Of control only savepoints get here.
            Ok(None) | Err(_) => true,
            Ok(Some(Kind { effect, .. })) => {
                matches!(effect, Effect::Reads | Effect::CallsOut | Effect::Controls)
            }
        }
    }
}

/// What is told of a statement that writes.
pub(super) fn writes() -> Error {
    Error::WriteInRead { method: "read_transaction", instead: "transaction" }
}
