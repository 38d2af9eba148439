//! Diesel's own `run_pending_migrations` on a node's database: each migration once, however many
//! connections run it at the same time.
//!
//! Diesel looks which versions are there, and then runs each of the others in a transaction, without
//! looking again. So after `setup`, with which that begins, a transaction that looks like
//! a migration is taken down and not begun: its texts, and the row in Diesel's table. Its `COMMIT` sends
//! all of it as a plan, of which the primary runs what is still to be done. When anything else comes, the real
//! transaction begins late, with what was taken down.

use diesel::connection::InstrumentationEvent;
use diesel::migration::CREATE_MIGRATIONS_TABLE;
use diesel::query_builder::QueryFragment;
use diesel::result::{Error as DieselError, QueryResult};
use diesel::sqlite::Sqlite;

use super::batch::batch;
use super::fault;
use super::node::{Alone, NodeConnection};
use super::transaction::State;
use crate::migrate::{self, Failure, Plan, Step};
use crate::request::Write;
use crate::statement::capture::capture;
use crate::statement::control::{Control, Mode};
use crate::statement::split::split;
use crate::statement::{Statement, Want};
use crate::value::ValueRef;

const TABLE: &str = "__diesel_schema_migrations";

/// What `setup` leaves behind.
#[derive(Default)]
pub(super) struct Migrating {
    /// The next transaction may be a migration.
    armed: bool,
    /// Diesel takes its table to be there, and this node's file has none: it is made when it is needed.
    owes_table: bool,
    /// The transaction that has not begun.
    taken: Option<Taken>,
}

/// A transaction as far as it has come.
#[derive(Default)]
struct Taken {
    texts: Vec<String>,
    row: Option<Row>,
}

/// What happens to Diesel's table.
struct Row {
    kind: migrate::Kind,
    version: String,
    /// When it has to be done after all.
    statement: Statement,
}

impl NodeConnection {
    /// What `MigrationConnection::setup` does: writes nothing yet, so that looking what is pending does
    /// not either.
    pub(super) fn set_up_migrations(&mut self) -> QueryResult<usize> {
        self.stop_migrating()?;
        if !self.transaction.is_none() {
            return self.make_table().map(|()| 0);
        }
        let owes_table = !self.has_table()?;
        self.migrating = Some(Box::new(Migrating { armed: true, owes_table, taken: None }));
        Ok(0)
    }

    /// From now on a transaction is what it is.
    pub(super) fn end_migrating(&mut self) {
        if let Some(migrating) = &mut self.migrating
            && migrating.taken.is_none()
        {
            migrating.armed = false;
            if !migrating.owes_table {
                self.migrating = None;
            }
        }
    }

    /// `batch_execute` while it may be a migration's: whether there is nothing left to do.
    pub(super) fn migrate_batch(&mut self, text: &str) -> QueryResult<bool> {
        let Some(migrating) = &mut self.migrating else { return Ok(false) };
        let parts = split(text);
        let mut controls = parts.iter().filter_map(|part| Control::parse(part.sql));
        let control = controls.next();
        let by_itself = parts.len() == 1;
        match (control, &mut migrating.taken) {
            (Some(Control::Begin(Mode::Deferred)), None)
                if migrating.armed
                    && by_itself
                    && self.transaction.is_none()
                    && self.reads_next.is_none() =>
            {
                migrating.taken = Some(Taken::default());
                self.unexecuted = false;
                Ok(true)
            }
            (None, Some(Taken { texts, row: None })) => {
                texts.push(text.to_owned());
                Ok(true)
            }
            (Some(Control::Rollback), Some(_)) if by_itself => {
                migrating.taken = None;
                self.end_migrating();
                Ok(true)
            }
            (Some(Control::Commit), Some(Taken { row: Some(_), .. })) if by_itself => {
                self.send_migration().map(|()| true)
            }
            // One that runs without a transaction runs as it is.
            (None, None) => self.needs_table(text).map(|()| false),
            _ => self.stop_migrating().map(|()| false),
        }
    }

    /// `execute` while it may be a migration's: the count when there is nothing left to do.
    #[cold]
    pub(super) fn migrate_execute<T>(&mut self, query: &T) -> QueryResult<Option<usize>>
    where
        T: QueryFragment<Sqlite>,
    {
        let statement = capture(query, Want::Count)?;
        let Some(migrating) = &mut self.migrating else { return Ok(None) };
        match (&mut migrating.taken, row_of(&statement)) {
            (Some(Taken { texts, row: taken @ None }), Some((kind, version))) if !texts.is_empty() => {
                *taken = Some(Row { kind, version, statement });
                let text = diesel::debug_query::<Sqlite, _>(query);
                self.local.emit(InstrumentationEvent::start_query(&text));
                self.local.emit(InstrumentationEvent::finish_query(&text, None));
                return Ok(Some(1));
            }
            (None, Some(_)) => {}
            _ => self.stop_migrating()?,
        }
        self.needs_table(&statement.sql)?;
        Ok(None)
    }

    /// `load` while it may be of a migration: whether the answer is that there are no rows.
    #[cold]
    pub(super) fn migrate_load<T>(&mut self, query: &T) -> QueryResult<bool>
    where
        T: QueryFragment<Sqlite>,
    {
        let text = diesel::debug_query::<Sqlite, _>(query).to_string();
        let versions = text.starts_with(&format!("SELECT `{TABLE}`.`version` FROM `{TABLE}`"));
        let Some(migrating) = &mut self.migrating else { return Ok(false) };
        if versions && migrating.taken.is_none() {
            if migrating.owes_table && self.transaction.is_none() {
                return Ok(!self.has_table()?);
            }
            return Ok(false);
        }
        self.stop_migrating()?;
        self.needs_table(&text)?;
        Ok(false)
    }

    /// It is no migration after all: begins the transaction that was taken down, and does what came in
    /// it. An error leaves it open, as that of the statement would have.
    fn stop_migrating(&mut self) -> QueryResult<()> {
        let taken = self.migrating.as_mut().and_then(|migrating| migrating.taken.take());
        self.end_migrating();
        let Some(Taken { texts, row }) = taken else { return Ok(()) };
        if let Err(error) = self.control(Control::Begin(Mode::Deferred), "BEGIN") {
            // Diesel has begun it: what follows must not run outside of it.
            self.transaction = State::Lost(error.to_string());
            return Err(error);
        }
        for text in texts {
            self.run_parts(&text)?;
        }
        if let Some(Row { statement, .. }) = row {
            self.needs_table(&statement.sql)?;
            self.step(statement)?;
        }
        Ok(())
    }

    /// Sends what was taken down, whose commit this is.
    fn send_migration(&mut self) -> QueryResult<()> {
        let taken = self.migrating.as_mut().and_then(|migrating| migrating.taken.take());
        let Some(Taken { texts, row: Some(Row { kind, version, .. }) }) = taken else { return Ok(()) };
        let step = Step {
            kind,
            version: version.clone(),
            name: version.clone(),
            file: version,
            // On lines of their own: a text may end with a comment.
            sql: texts.join("\n;\n"),
            in_transaction: true,
        };
        let plan = Plan { steps: vec![step], one_transaction: false };
        let terms = self.migration_terms();
        let sent = self.access.wait_plain(|| self.access.primary.write(Write::migrate(plan), terms));
        let ended = match sent {
            Ok(written) => written.plan(),
            Err(error) => {
                self.end_migrating();
                return Err(self.ends_with(error));
            }
        };
        match ended {
            Ok(Ok(_)) => {
                if let Some(migrating) = &mut self.migrating {
                    migrating.owes_table = false;
                }
                Ok(())
            }
            Ok(Err(failure)) => {
                self.end_migrating();
                Err(said(&failure))
            }
            Err(why) => Err(DieselError::DeserializationError(why.into())),
        }
    }

    /// Makes Diesel's table when a statement takes it to be there.
    fn needs_table(&mut self, sql: &str) -> QueryResult<()> {
        match &mut self.migrating {
            Some(migrating) if migrating.owes_table && sql.contains(TABLE) => migrating.owes_table = false,
            _ => return Ok(()),
        }
        self.make_table()
    }

    fn make_table(&mut self) -> QueryResult<()> {
        let statement = batch(CREATE_MIGRATIONS_TABLE);
        match self.transaction.is_none() {
            true => self.forward(statement, None, Alone(false)).map(drop),
            false => self.step(statement).map(drop),
        }
    }

    /// Whether this node's file has Diesel's table.
    fn has_table(&mut self) -> QueryResult<bool> {
        let sql = format!("SELECT 1 FROM sqlite_master WHERE name = '{TABLE}'");
        let look = Statement { want: Want::Rows, ..batch(&sql) };
        let found = self.local.run(&self.access, &look)?;
        Ok(found.rows.is_some_and(|rows| rows.count > 0))
    }
}

/// What Diesel's harness does to its table with this statement, and with which version.
fn row_of(statement: &Statement) -> Option<(migrate::Kind, String)> {
    // Diesel writes two spaces in some places.
    let words: Vec<&str> = statement.sql.split_whitespace().collect();
    let kind = match words.join(" ").as_str() {
        "INSERT INTO `__diesel_schema_migrations` (`version`) VALUES (?)" => migrate::Kind::Up,
        "DELETE FROM `__diesel_schema_migrations` WHERE (`__diesel_schema_migrations`.`version` = ?)" => {
            migrate::Kind::Down
        }
        _ => return None,
    };
    let mut binds = statement.binds.iter();
    match (binds.next(), binds.next()) {
        (Some(ValueRef::Text(version)), None) => Some((kind, String::from_utf8(version.to_vec()).ok()?)),
        _ => None,
    }
}

/// A failure as Diesel's error: SQLite's words, and where, for Diesel does not know any more which
/// migration it was.
fn said(failure: &Failure) -> DieselError {
    let at = failure.at.as_deref();
    let line = at.and_then(|at| at.line).map(|line| format!(", line {line}")).unwrap_or_default();
    match at {
        Some(at) => fault::sqlite(&format!("{} (migration {}{line})", failure.cause, at.name)),
        None => fault::sqlite(&failure.cause.to_string()),
    }
}
