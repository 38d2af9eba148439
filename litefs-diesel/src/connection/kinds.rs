//! What is known of statements: asked of SQLite once, then remembered.

use std::any::TypeId;
use std::sync::Arc;

use diesel::connection::{Connection, Instrumentation};
use diesel::query_builder::{QueryBuilder, QueryFragment, QueryId};
use diesel::result::{ConnectionError, QueryResult};
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteQueryBuilder};
use parking_lot::Mutex;

use super::fault;
use crate::error::{Error, NotExecuted};
use crate::reader::Readers;
use crate::recent::Recent;
use crate::statement::kind::{self, BuiltIns, Kind};

/// How many statements are remembered, by type and by text each.
const REMEMBERED: usize = 2_048;
/// A longer text (in bytes) is asked for each time: as a key it would cost more than it spares.
const LONGEST: usize = 16 << 10;

/// What is known of a database's statements, for all its connections.
///
/// It asks on a read-only connection of its own, away from anybody's instrumentation.
pub(crate) struct Kinds {
    readers: Arc<Readers>,
    known: Mutex<Known>,
    asked: Mutex<Option<Asked>>,
}

/// What is remembered. A connection has one of its own, too: finding it there takes no lock.
pub(super) struct Known {
    by_type: Recent<TypeId, Kind>,
    by_text: Recent<Box<str>, Kind>,
}

/// The connection that explains.
struct Asked {
    conn: SqliteConnection,
    built_ins: BuiltIns,
    generation: u64,
}

impl Known {
    pub(super) fn new() -> Self {
        Self { by_type: Recent::new(REMEMBERED), by_text: Recent::new(REMEMBERED) }
    }

    /// What is known of a query, or what SQLite says of it now. `None`: SQLite cannot say.
    ///
    /// An error is that of a file that cannot be read.
    #[inline]
    pub(super) fn kind<T>(&mut self, kinds: &Kinds, query: &T) -> QueryResult<Option<Kind>>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        if let Some(id) = T::query_id()
            && let Some(kind) = self.by_type.get(&id)
        {
            return Ok(Some(kind));
        }
        self.look_up(kinds, T::query_id(), query)
    }

    #[cold]
    fn look_up(
        &mut self,
        kinds: &Kinds,
        id: Option<TypeId>,
        query: &dyn QueryFragment<Sqlite>,
    ) -> QueryResult<Option<Kind>> {
        // Diesel, too, takes the type for the text only where the statement may stay prepared.
        let id = id.filter(|_| query.is_safe_to_cache_prepared(&Sqlite).unwrap_or(false));
        if let Some(id) = id
            && let Some(kind) = kinds.known.lock().by_type.get(&id)
        {
            self.by_type.insert(id, kind);
            return Ok(Some(kind));
        }
        let (kind, _) = self.kind_and_text(kinds, query)?;
        if let Some((id, kind)) = id.zip(kind) {
            self.by_type.insert(id, kind);
            kinds.known.lock().by_type.insert(id, kind);
        }
        Ok(kind)
    }

    /// The same for a query whose type does not name it, with the text by which it is known.
    pub(super) fn kind_and_text(
        &mut self,
        kinds: &Kinds,
        query: &dyn QueryFragment<Sqlite>,
    ) -> QueryResult<(Option<Kind>, String)> {
        let mut text = SqliteQueryBuilder::default();
        if query.to_sql(&mut text, &Sqlite).is_err() {
            // It has no text, as an update without a change: it fails in the same way anywhere.
            return Ok((kind::by_words(""), String::new()));
        }
        let text = text.finish();
        Ok((self.kind_of_text(kinds, &text)?, text))
    }

    /// The same for a text.
    pub(super) fn kind_of_text(&mut self, kinds: &Kinds, sql: &str) -> QueryResult<Option<Kind>> {
        if let Some(kind) = self.by_text.get(sql) {
            return Ok(Some(kind));
        }
        let kind = kinds.kind_of_text(sql)?;
        if let Some(kind) = kind
            && sql.len() <= LONGEST
        {
            self.by_text.insert(sql.into(), kind);
        }
        Ok(kind)
    }
}

impl Kinds {
    pub(crate) fn new(readers: Arc<Readers>) -> Self {
        Self { readers, known: Mutex::new(Known::new()), asked: Mutex::new(None) }
    }

    /// Closes its connection: while it is open, LiteFS can neither unmount nor start again. The
    /// next statement that is not known opens it anew.
    pub(crate) fn close(&self) {
        *self.asked.lock() = None;
    }

    fn kind_of_text(&self, sql: &str) -> QueryResult<Option<Kind>> {
        if let Some(kind) = self.known.lock().by_text.get(sql) {
            return Ok(Some(kind));
        }
        let kind = self.explain(sql)?;
        if let Some(kind) = kind
            && sql.len() <= LONGEST
        {
            self.known.lock().by_text.insert(sql.into(), kind);
        }
        Ok(kind)
    }

    fn explain(&self, sql: &str) -> QueryResult<Option<Kind>> {
        if let Some(kind) = kind::by_words(sql) {
            return Ok(Some(kind));
        }
        let mut asked = self.asked.lock();
        let generation = self.readers.generation();
        if asked.as_ref().is_some_and(|asked| asked.generation != generation) {
            *asked = None;
        }
        let open = match &mut *asked {
            Some(open) => open,
            None => asked.insert(self.open(generation)?),
        };
        match kind::explain(&mut open.conn, &open.built_ins, sql) {
            Ok(kind) => Ok(Some(kind)),
            Err(error) if fault::is_dead(&error) => {
                *asked = None;
                Err(unreadable(&error))
            }
            // Not remembered: what is not here yet may be on the primary, and come.
            Err(_) => Ok(None),
        }
    }

    fn open(&self, generation: u64) -> QueryResult<Asked> {
        let mut conn = self.readers.open().map_err(into_query_error)?;
        conn.set_instrumentation(None::<Box<dyn Instrumentation>>);
        let built_ins = BuiltIns::of(&mut conn).map_err(|error| unreadable(&error))?;
        Ok(Asked { conn, built_ins, generation })
    }
}

/// The file could not be opened, where a statement should have run.
pub(super) fn into_query_error(error: ConnectionError) -> diesel::result::Error {
    match error {
        ConnectionError::CouldntSetupConfiguration(error) => error,
        ConnectionError::BadConnection(message) => unreadable(&message),
        other => fault::sqlite(&other.to_string()),
    }
}

/// The database said nothing, and what was asked for has not begun.
pub(super) fn unreadable(why: &dyn std::fmt::Display) -> diesel::result::Error {
    Error::NotExecuted(NotExecuted::Unreadable(why.to_string())).into_diesel()
}
