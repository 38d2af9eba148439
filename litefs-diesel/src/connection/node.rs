//! A connection to a database that a node of this process serves: which way each statement goes.

use std::sync::Arc;

use diesel::connection::{AnsiTransactionManager, InstrumentationEvent};
use diesel::expression::QueryMetadata;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::result::{ConnectionResult, QueryResult};
use diesel::sqlite::Sqlite;

use super::access::Access;
use super::fault;
use super::kinds::Known;
use super::local::Local;
use super::migrating::Migrating;
use super::reading::ReadsOn;
use super::refusal::Refusal;
use super::session::{Answers, Sets};
use super::terms::CallTerms;
use super::transaction::State;
use crate::error::CommittedValue;
use crate::request::{SessionUse, Work, Write, Written};
use crate::statement::capture::capture;
use crate::statement::control::Control;
use crate::statement::kind::{self, Effect, Kind};
use crate::statement::replay::{Cursor, Replay};
use crate::statement::{Outcome, Rows, Statement, Want, Worded};

/// Reads on this node's file, writes on the primary, and in a transaction everything there.
pub(super) struct NodeConnection {
    // Before what it needs: an open transaction is rolled back first.
    pub(super) transaction: State,
    pub(super) access: Arc<Access>,
    pub(super) local: Local,
    pub(super) known: Known,
    pub(super) answers: Arc<Answers>,
    /// Diesel's own count of how deep in transactions it is.
    pub(super) manager: AnsiTransactionManager,
    pub(super) terms: CallTerms,
    /// How the next transaction begins, when it is one that only reads.
    pub(super) reads_next: Option<ReadsOn>,
    /// Something of a transaction did not run that could run in another: see `retry.rs`.
    pub(super) unexecuted: bool,
    /// While Diesel may be about to run migrations.
    pub(super) migrating: Option<Box<Migrating>>,
    /// Opened with the first rows that come from elsewhere.
    replay: Option<Replay>,
}

impl NodeConnection {
    pub(super) fn open(access: Arc<Access>) -> ConnectionResult<Self> {
        let answers = Arc::<Answers>::default();
        Ok(Self {
            transaction: State::None,
            local: Local::open(&access, Arc::clone(&answers))?,
            access,
            known: Known::new(),
            answers,
            manager: AnsiTransactionManager::default(),
            terms: CallTerms::default(),
            reads_next: None,
            unexecuted: false,
            migrating: None,
            replay: None,
        })
    }

    /// `load` and all that is built on it.
    #[inline]
    pub(super) fn load<'conn, 'query, T>(&'conn mut self, query: T) -> QueryResult<Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Sqlite> + QueryId + 'query,
        Sqlite: QueryMetadata<T::SqlType>,
    {
        if self.migrating.is_some() && self.migrate_load(&query)? {
            return self.replay(Rows::default());
        }
        if !T::HAS_STATIC_QUERY_ID && self.transaction.is_none() {
            return self.load_by_text(query);
        }
        let kind = self.kind(&query)?;
        if reads_here(kind) {
            return self.local.load(&self.access, query);
        }
        let outcome = self.run(&query, kind, Want::Rows)?;
        self.replay(outcome.rows.unwrap_or_default())
    }

    /// `load` of a query that only its text names: it is written once, for us and for Diesel.
    fn load_by_text<'conn, 'query, T>(&'conn mut self, query: T) -> QueryResult<Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Sqlite> + QueryId + 'query,
        Sqlite: QueryMetadata<T::SqlType>,
    {
        let (kind, text) = self.known.kind_and_text(&self.access.kinds, &query)?;
        if reads_here(kind) {
            return self.local.load(&self.access, Worded::new(query, text));
        }
        let outcome = self.run(&query, kind, Want::Rows)?;
        self.replay(outcome.rows.unwrap_or_default())
    }

    /// `execute`.
    #[inline]
    pub(super) fn execute<T>(&mut self, query: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        if self.migrating.is_some()
            && let Some(count) = self.migrate_execute(query)?
        {
            return Ok(count);
        }
        let mut kind = self.kind(query)?;
        if reads_here(kind) {
            match self.local.execute(&self.access, query) {
                Err(error) if fault::is_readonly(&error) => kind = None,
                result => return result,
            }
        }
        let outcome = self.run(query, kind, Want::Count)?;
        usize::try_from(outcome.count)
            .map_err(|error| diesel::result::Error::DeserializationError(error.into()))
    }

    /// What the query does; not asked where a transaction takes all statements anyway.
    #[inline]
    fn kind<T>(&mut self, query: &T) -> QueryResult<Option<Kind>>
    where
        T: QueryFragment<Sqlite> + QueryId,
    {
        if self.transaction.is_none() { self.known.kind(&self.access.kinds, query) } else { Ok(None) }
    }

    fn replay<'query>(&mut self, rows: Rows) -> QueryResult<Cursor<'_, 'query>> {
        let replay = match &mut self.replay {
            Some(replay) => replay,
            none => none.insert(Replay::new()?),
        };
        replay.load(&rows)
    }

    /// Runs a query that does not simply read here. The application's instrumentation hears of it
    /// once, wherever it runs.
    fn run<T>(&mut self, query: &T, kind: Option<Kind>, want: Want) -> QueryResult<Outcome>
    where
        T: QueryFragment<Sqlite>,
    {
        let text = diesel::debug_query::<Sqlite, _>(query);
        self.local.emit(InstrumentationEvent::start_query(&text));
        let result = capture(query, want).and_then(|statement| self.dispatch(statement, kind));
        self.local.emit(InstrumentationEvent::finish_query(&text, result.as_ref().err()));
        result
    }

    /// Runs a captured statement where it belongs.
    fn dispatch(&mut self, statement: Statement, kind: Option<Kind>) -> QueryResult<Outcome> {
        if let Some(control) = Control::parse(&statement.sql) {
            self.control(control, &statement.sql)?;
            let rows = (statement.want == Want::Rows).then(Rows::default);
            return Ok(Outcome { count: self.answers.count() as u64, rows });
        }
        if !self.transaction.is_none() {
            return self.step(statement);
        }
        match kind.map(|kind| kind.effect) {
            Some(Effect::Reads | Effect::CallsOut) => self.try_here(statement, kind),
            Some(Effect::WritesTemp) => Err(Refusal::Temp.into()),
            Some(Effect::Attaches) => Err(Refusal::Attach.into()),
            Some(Effect::Vacuums) => self.forward(statement, kind, Alone(true)),
            Some(Effect::Pragma) => self.pragma(statement),
            // Control that SQLite does not accept is its to refuse.
            Some(Effect::Writes | Effect::Controls) | None => self.forward(statement, kind, Alone(false)),
        }
    }

    /// Runs a statement here to its end; when it turns out to write, on the primary.
    pub(super) fn try_here(&mut self, statement: Statement, kind: Option<Kind>) -> QueryResult<Outcome> {
        match self.local.run(&self.access, &statement) {
            Err(error) if fault::is_readonly(&error) => self.forward(statement, kind, Alone(false)),
            result => result,
        }
    }

    /// Runs a statement on the primary, in a write request of its own.
    pub(super) fn forward(
        &mut self,
        statement: Statement,
        kind: Option<Kind>,
        Alone(alone): Alone,
    ) -> QueryResult<Outcome> {
        let asks = match kind {
            Some(kind) => kind.asks_session,
            None => kind::may_ask_session(&statement.sql),
        };
        let (sets, want) = (Sets::of(&statement), statement.want);
        let asks = asks || sets.may_keep_rowid;
        let write = Write {
            work: Work::Statements(vec![statement]),
            session: match asks {
                true => SessionUse::Brought(self.answers.session()),
                false => SessionUse::Told,
            },
            alone,
            key: None,
        };
        let terms = self.terms();
        let (written, late) = match self.access.wait_plain(|| self.access.primary.write(write, terms)) {
            Ok(written) => (written, None),
            Err(error) => match error.value::<Written>().cloned() {
                // It is committed: the connection's answers are those after it.
                Some(written) => (written, Some(error)),
                None => return Err(error.into_diesel()),
            },
        };
        let mut outcome = written.outcomes.into_iter().next().unwrap_or_default();
        self.answers.take(sets, written.session, &mut outcome);
        match late {
            None => Ok(outcome),
            Some(error) => Err(error.with_value(value(want, &outcome)).into_diesel()),
        }
    }
}

/// What the caller of a committed statement gets in an error: that of rows he knows, and we do not.
fn value(want: Want, outcome: &Outcome) -> CommittedValue {
    match want {
        Want::Count | Want::Rows => {
            usize::try_from(outcome.count).map(CommittedValue::new).unwrap_or_default()
        }
        Want::Batch => CommittedValue::default(),
    }
}

/// Whether a write request runs outside of any transaction, with nothing beside it.
pub(super) struct Alone(pub(super) bool);

fn reads_here(kind: Option<Kind>) -> bool {
    matches!(kind, Some(Kind { effect: Effect::Reads, .. }))
}

impl Drop for NodeConnection {
    fn drop(&mut self) {
        // Dropping a transaction rolls it back, which may need the node's runtime.
        let _inside = self.access.runtime.enter();
        self.transaction = State::None;
    }
}
