//! The connection's own way to this node's file: it only reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::connection::{
    CacheSize, Connection, DefaultLoadingMode, DynInstrumentation, Instrumentation, InstrumentationEvent,
    LoadConnection, SimpleConnection,
};
use diesel::expression::QueryMetadata;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{ConnectionResult, Error, QueryResult};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::access::Access;
use super::fault;
use super::idle::Slot;
use super::kinds::{into_query_error, unreadable};
use super::session::Answers;
use super::tap::Tap;
use crate::statement::execute::execute;
use crate::statement::replay::Cursor;
use crate::statement::{Outcome, Statement};

/// A read-only `SqliteConnection` to this node's file, opened anew when LiteFS died under it.
pub(super) struct Local {
    /// While it is laid away or closed, a connection to nothing that keeps the instrumentation.
    conn: SqliteConnection,
    /// Where `conn` lies while a pool keeps this connection.
    slot: Arc<Slot>,
    laid_away: bool,
    /// The connection to nothing, for the next time.
    nothing: Option<SqliteConnection>,
    /// Which life of LiteFS it was opened in; `None`: it must be opened anew.
    generation: Option<u64>,
    answers: Arc<Answers>,
    /// What `PRAGMA`s have set here, by name: they are run again on a new connection. Bounded by
    /// the number of names.
    tuned: BTreeMap<String, String>,
    cache_size: Option<CacheSize>,
}

impl Local {
    pub(super) fn open(access: &Access, answers: Arc<Answers>) -> ConnectionResult<Self> {
        let generation = access.readers.generation();
        let mut conn = access.readers.open()?;
        Tap::new(DynInstrumentation::default_instrumentation()).put(&mut conn);
        let mut local = Self {
            conn,
            slot: access.idle.slot(),
            laid_away: false,
            nothing: None,
            generation: Some(generation),
            answers,
            tuned: BTreeMap::new(),
            cache_size: None,
        };
        local.equip(access).map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
        Ok(local)
    }

    /// What a new connection needs beyond what the node gives all of them.
    fn equip(&mut self, access: &Access) -> QueryResult<()> {
        self.answers.override_on(&mut self.conn)?;
        if let Some(size) = self.cache_size {
            self.conn.set_prepared_statement_cache_size(size);
        }
        let foreign_keys = format!("PRAGMA foreign_keys = {}", u8::from(access.foreign_keys));
        let tuned = &self.tuned;
        let equipped = Tap::silenced(&mut self.conn, |conn| {
            conn.batch_execute(&foreign_keys)?;
            tuned.values().try_for_each(|pragma| conn.batch_execute(pragma))
        });
        equipped.map_err(|error| if fault::is_dead(&error) { unreadable(&error) } else { error })
    }

    /// Called before each use: opens the file anew where it must be, and waits a bounded moment
    /// while this node is behind a position that somebody waits for.
    #[inline]
    fn ready(&mut self, access: &Access) -> QueryResult<()> {
        if self.laid_away {
            self.take_up();
        }
        if self.generation != Some(access.readers.generation()) {
            self.reopen(access)?;
        }
        access.readers.pass_gate();
        Ok(())
    }

    #[cold]
    fn reopen(&mut self, access: &Access) -> QueryResult<()> {
        // The old one is closed first, or LiteFS could not come back.
        self.generation = None;
        self.close()?;
        let generation = access.readers.generation();
        let mut conn = access.readers.open().map_err(into_query_error)?;
        self.laid_away = false;
        Tap::take(&mut self.conn).put(&mut conn);
        self.nothing = Some(std::mem::replace(&mut self.conn, conn));
        self.equip(access)?;
        self.generation = Some(generation);
        Ok(())
    }

    /// Closes the file. The next read opens it anew.
    pub(super) fn close(&mut self) -> QueryResult<()> {
        self.lay_away()?;
        *self.slot.lock() = None;
        Ok(())
    }

    /// A pool takes the connection back: what it reads with goes where it can be closed. A file of
    /// a former life of LiteFS is closed at once: nobody will come for it any more.
    pub(super) fn rest(&mut self, access: &Access) -> QueryResult<()> {
        if self.generation == Some(access.readers.generation()) { self.lay_away() } else { self.close() }
    }

    fn lay_away(&mut self) -> QueryResult<()> {
        if self.laid_away {
            return Ok(());
        }
        let mut nothing = match self.nothing.take() {
            Some(nothing) => nothing,
            None => SqliteConnection::establish(":memory:").map_err(into_query_error)?,
        };
        Tap::take(&mut self.conn).put(&mut nothing);
        *self.slot.lock() = Some(std::mem::replace(&mut self.conn, nothing));
        self.laid_away = true;
        Ok(())
    }

    #[cold]
    fn take_up(&mut self) {
        self.laid_away = false;
        let laid = self.slot.lock().take();
        match laid {
            Some(mut conn) => {
                Tap::take(&mut self.conn).put(&mut conn);
                self.nothing = Some(std::mem::replace(&mut self.conn, conn));
            }
            // It was closed meanwhile.
            None => self.generation = None,
        }
    }

    /// Diesel's own way: the cursor borrows SQLite's rows.
    #[inline]
    pub(super) fn load<'conn, 'query, T>(
        &'conn mut self,
        access: &Access,
        query: T,
    ) -> QueryResult<Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Sqlite> + QueryId + 'query,
        Sqlite: QueryMetadata<T::SqlType>,
    {
        self.ready(access)?;
        let Self { conn, generation, .. } = self;
        LoadConnection::<DefaultLoadingMode>::load(conn, query).inspect_err(|error| forget(generation, error))
    }

    /// Diesel's own `execute` of a query that reads.
    pub(super) fn execute<T>(&mut self, access: &Access, query: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        self.ready(access)?;
        self.conn
            .execute_returning_count(query)
            .map(|_| self.answers.count())
            .inspect_err(|error| forget(&mut self.generation, error))
    }

    /// Runs a captured statement to its end, unheard: who asks for it tells of it.
    pub(super) fn run(&mut self, access: &Access, statement: &Statement) -> QueryResult<Outcome> {
        self.ready(access)?;
        let mut outcome = Tap::silenced(&mut self.conn, |conn| execute(conn, statement))
            .inspect_err(|error| forget(&mut self.generation, error))?;
        if statement.want == crate::statement::Want::Count {
            outcome.count = self.answers.count() as u64;
        }
        Ok(outcome)
    }

    /// Keeps a `PRAGMA` that was run here, for when the file is opened anew.
    pub(super) fn keep(&mut self, name: String, pragma: String) {
        self.tuned.insert(name, pragma);
    }

    pub(super) fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        // In two steps, for the borrow of the one would reach over the other.
        if Tap::of(&mut self.conn).is_none() {
            return self.conn.instrumentation();
        }
        match Tap::of(&mut self.conn) {
            Some(tap) => tap.listener(),
            None => unreachable!("looked up above"),
        }
    }

    pub(super) fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        Tap::new(instrumentation.into()).put(&mut self.conn);
    }

    pub(super) fn emit(&mut self, event: InstrumentationEvent<'_>) {
        if let Some(tap) = Tap::of(&mut self.conn) {
            tap.emit(event);
        }
    }

    pub(super) fn set_cache_size(&mut self, size: CacheSize) {
        self.cache_size = Some(size);
        if self.laid_away {
            self.take_up();
        }
        self.conn.set_prepared_statement_cache_size(size);
    }
}

/// After an error that tells that the file is gone, it must be opened anew.
fn forget(generation: &mut Option<u64>, error: &Error) {
    if fault::is_dead(error) {
        *generation = None;
    }
}
