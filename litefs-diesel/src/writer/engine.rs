//! The writer's thread: takes commands in turn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::busy::Busy;
use super::settle::Settles;
use super::{Command, History, connect};
use crate::allowed::Allowed;
use crate::config::RepoSettings;
use crate::error::{DatabaseError, READONLY};
use crate::ledger::{Ledger, Rules};
use crate::request::{Procedures, Refusal};

/// What the thread owns.
pub(super) struct Engine {
    pub(super) settings: RepoSettings,
    pub(super) replicated: bool,
    pub(super) history: Arc<dyn History>,
    pub(super) closing: Arc<AtomicBool>,
    pub(super) procedures: Arc<Procedures>,
    pub(super) settles: Arc<Settles>,
    pub(super) busy: Arc<Busy>,
    generation: Arc<AtomicU64>,
    /// Open only while this node is primary, from the first write on.
    pub(super) open: Option<Open>,
}

/// The open database, and what is known of it for as long as it is open.
pub(super) struct Open {
    generation: u64,
    pub(super) conn: SqliteConnection,
    pub(super) ledger: Ledger,
    pub(super) allowed: Allowed,
    pub(super) busy: Arc<Busy>,
}

impl Engine {
    pub(super) fn new(
        settings: RepoSettings,
        replicated: bool,
        history: Arc<dyn History>,
        procedures: Arc<Procedures>,
        settles: Arc<Settles>,
        closing: Arc<AtomicBool>,
        generation: Arc<AtomicU64>,
    ) -> std::io::Result<Self> {
        let busy = Arc::new(Busy::start(&settings.name, settings.busy_report)?);
        Ok(Self { settings, replicated, history, closing, procedures, settles, busy, generation, open: None })
    }

    /// Whether writes have entries in the ledger.
    pub(super) fn keeps_ids(&self) -> bool {
        self.replicated && self.settings.ledger
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Runs until every sender is gone.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut left = None;
        while let Some(command) = left.take().or_else(|| commands.recv().ok()) {
            // The application's code runs here too (`on_open`, SQL functions): its panic ends what it
            // was called for, whose callers are told so, and not the thread.
            let ran = catch_unwind(AssertUnwindSafe(|| self.take(command, commands)));
            left = ran.unwrap_or_else(|_| {
                tracing::error!(repo = self.name(), "the code of a write panicked");
                self.disconnect();
                None
            });
        }
    }

    fn take(&mut self, command: Command, commands: &Receiver<Command>) -> Option<Command> {
        match command {
            command if self.closing.load(Ordering::Acquire) => {
                command.refuse(Refusal::ShuttingDown);
                None
            }
            Command::Write(job) if job.is_alone() => {
                self.run_alone(job);
                None
            }
            Command::Write(job) => self.run_group(job, commands),
            Command::Begin(begin) => {
                self.run_transaction(begin);
                None
            }
            Command::Renew => {
                self.disconnect();
                None
            }
        }
    }

    /// The count of role changes, when this node is primary, and the open connection.
    pub(super) fn ready(&mut self) -> Result<(u64, &mut Open), Refusal> {
        let epoch = epoch(&*self.history).inspect_err(|_| {
            // LiteFS can neither demote this node nor unmount while the file is open.
            self.open = None;
        })?;
        let generation = self.generation.load(Ordering::Acquire);
        let open = match self.open.take() {
            Some(open) if open.generation == generation => open,
            _ => self.connect(generation)?,
        };
        Ok((epoch, self.open.insert(open)))
    }

    fn connect(&self, generation: u64) -> Result<Open, Refusal> {
        let conn = connect::connect(&self.settings, self.replicated).map_err(|error| {
            Refusal::Unavailable(format!(
                "the primary cannot open its database for writing: {}",
                error.message
            ))
        })?;
        let rules = Rules {
            ids: self.keeps_ids(),
            result: self.settings.ledger_result,
            keep: self.settings.ledger_keep,
        };
        let (allowed, busy) = (Allowed::new(), Arc::clone(&self.busy));
        Ok(Open { generation, conn, ledger: Ledger::new(rules), allowed, busy })
    }

    /// The connection in which a transaction was begun under `epoch`. `None` when the role has
    /// changed or the file is to be closed: another connection would not be in that transaction, and
    /// commit each statement by itself.
    pub(super) fn still(&mut self, epoch: u64) -> Option<&mut Open> {
        let generation = self.generation.load(Ordering::Acquire);
        let same = self.history.primary_epoch() == Some(epoch);
        let open = self.open.as_mut()?;
        (same && open.generation == generation).then_some(open)
    }

    /// After an error that leaves the connection in doubt: the next write opens another.
    pub(super) fn disconnect(&mut self) {
        self.open = None;
    }
}

/// The count of role changes, when this node may write.
pub(super) fn epoch(history: &dyn History) -> Result<u64, Refusal> {
    history.primary_epoch().ok_or_else(|| match history.fenced() {
        Some((why, hint)) => Refusal::Fenced { why, hint },
        None => Refusal::NotPrimary { hint: None },
    })
}

/// What the error of a statement, of which nothing is kept, is for who asked. On LiteFS a node that
/// is primary no more says so in the words of a broken disk.
pub(super) fn verdict(error: DatabaseError, replicated: bool) -> Refusal {
    match error.message {
        message if is_busy(&message) => Refusal::Busy(message),
        message if replicated && is_readonly(&message) => Refusal::NotPrimary { hint: None },
        message if replicated && is_gone(&message) => unavailable(&message),
        message => Refusal::Rejected(DatabaseError { message, ..error }),
    }
}

impl Command {
    pub(super) fn refuse(self, why: Refusal) {
        match self {
            Self::Write(job) => job.ticket.refuse(why),
            Self::Begin(begin) => begin.ticket.refuse(why),
            Self::Renew => {}
        }
    }
}

/// `BEGIN IMMEDIATE`, through Diesel's own book-keeping, so that transactions inside it nest.
pub(super) fn begin(conn: &mut SqliteConnection, sql: &str, replicated: bool) -> Result<(), Refusal> {
    AnsiTransactionManager::begin_transaction_sql(conn, sql).map_err(|error| {
        let error = DatabaseError::from(error);
        match error.message {
            message if is_busy(&message) => Refusal::Busy(message),
            message if is_readonly(&message) => Refusal::NotPrimary { hint: None },
            message if replicated && is_gone(&message) => unavailable(&message),
            message => Refusal::Refused(message),
        }
    })
}

/// Whether the transaction that [`begin`] opened is still there. SQLite ends it by itself on some
/// errors; Diesel looks only after a `batch_execute` that failed, so one is made that cannot
/// compile (1.4 µs). Without it the next SAVEPOINT would open a transaction of its own, and its
/// RELEASE commit that.
pub(super) fn is_open(conn: &mut SqliteConnection) -> bool {
    use diesel::connection::SimpleConnection;
    let _ = conn.batch_execute("?");
    depth(conn).is_some()
}

pub(super) fn depth(conn: &mut SqliteConnection) -> Option<std::num::NonZeroU32> {
    AnsiTransactionManager::transaction_manager_status_mut(conn).transaction_depth().ok().flatten()
}

/// Ends the transaction without keeping anything of it. `false` when the connection is in doubt.
pub(super) fn roll_back(conn: &mut SqliteConnection) -> bool {
    let rolled_back: QueryResult<()> = AnsiTransactionManager::rollback_transaction(conn);
    rolled_back.is_ok() || !is_open(conn) && depth(conn).is_none()
}

/// SQLITE_BUSY and SQLITE_LOCKED. Diesel gives the words and not the number.
pub(super) fn is_busy(message: &str) -> bool {
    message.starts_with("database is locked") || is_locked(message)
}

/// SQLITE_LOCKED: a statement is in the way of another one of the same connection.
pub(super) fn is_locked(message: &str) -> bool {
    message.starts_with("database table is locked") || message.starts_with("database schema is locked")
}

/// SQLITE_IOERR.
pub(super) fn is_io(message: &str) -> bool {
    message.starts_with("disk I/O error")
}

/// SQLITE_IOERR, SQLITE_CANTOPEN and SQLITE_PROTOCOL: what a file says whose LiteFS went away under it.
pub(super) fn is_gone(message: &str) -> bool {
    is_io(message)
        || message.starts_with("unable to open database file")
        || message.starts_with("locking protocol")
}

/// Another node may be primary soon, or this one again: the caller goes on to it.
fn unavailable(message: &str) -> Refusal {
    Refusal::Unavailable(format!("the primary cannot use its database: {message}"))
}

/// SQLITE_READONLY: on LiteFS, what a node that is not primary says.
pub(super) fn is_readonly(message: &str) -> bool {
    message.starts_with(READONLY)
}
