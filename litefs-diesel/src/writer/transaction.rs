//! A transaction that a connection opened: it holds the writer's thread until it ends.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::commit::place;
use super::engine::{self, Engine, Open};
use super::job::Ticket;
use super::local::LocalTransaction;
use super::{group, savepoint, session, shrink};
use crate::allowed::{Site, refused_by_words};
use crate::error::DatabaseError;
use crate::ledger::{Found, Ledger, Stored};
use crate::request::{Begin, Refusal, RequestId, Stamp, Step, Written};
use crate::shares::Share;
use crate::statement::{Most, Outcome, Session, Statement, Want, kind};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::sqlite::SqliteConnection;

/// How often a thread that waits for the next statement looks whether its node shuts down.
const LOOK: Duration = Duration::from_millis(50);

/// What the thread is asked while a transaction is open.
pub(super) enum Command {
    Run(Statement, Most, Ticket<Step>),
    Commit(Stamp, Ticket<Committed>),
    RollBack(Ticket<Session>),
    /// Look whether it is to end.
    Look,
}

/// What came of a COMMIT that the database answered.
pub(super) enum Committed {
    Yes(Written),
    /// The database said no, and the transaction is still open.
    No(DatabaseError),
}

/// What is asked to begin one.
pub(super) struct Opening {
    /// Its commit goes under this.
    pub(super) id: RequestId,
    pub(super) begin: Begin,
    pub(super) session: Session,
    pub(super) ticket: Ticket<LocalTransaction>,
    /// Among those that wait.
    pub(super) place: Share,
}

impl Engine {
    pub(super) fn run_transaction(&mut self, opening: Opening) {
        let Opening { id, begin, session, ticket, place } = opening;
        drop(place);
        if !ticket.is_wanted() {
            return ticket.expire();
        }
        if self.settles.is_asked(id) {
            return ticket.refuse(Refusal::Late);
        }
        let replicated = self.replicated;
        let (epoch, open) = match self.ready() {
            Ok(ready) => ready,
            Err(error) => return ticket.answer(Err(error)),
        };
        let sql = match begin {
            Begin::Immediate => "BEGIN IMMEDIATE",
            Begin::Exclusive => "BEGIN EXCLUSIVE",
        };
        if let Err(error) = group::begin_sql(open, epoch, sql, replicated) {
            if !matches!(error, Refusal::Busy(_)) {
                // A file of a LiteFS that went away, mostly.
                self.disconnect();
            }
            return ticket.answer(Err(error));
        }
        let Open { conn, ledger, .. } = open;
        let stamp = Stamp { id, hash: 0, forgotten: 0, again: false };
        if let Some(refused) = must_not_open(ledger.look(conn, &stamp)) {
            engine::roll_back(conn);
            return ticket.refuse(refused);
        }
        // Only now: waiting for the lock is not running.
        if !ticket.take() {
            engine::roll_back(conn);
            return ticket.expire();
        }
        if let Err(error) = session::restore(conn, session, &[]) {
            engine::roll_back(conn);
            return ticket.answer(Err(engine::verdict(error.into(), replicated)));
        }
        // One statement at a time: the connection waits for each before it sends the next.
        // And a question whether it is to end.
        let (sender, commands) = sync_channel(2);
        let (sender, ended) = (Arc::new(sender), Arc::new(OnceLock::new()));
        self.settles.opened(id, &sender);
        ticket.answer(Ok(LocalTransaction::new(sender, ended.clone())));
        let served = self.serve(epoch, id, &commands);
        self.settles.closed();
        if let Err(why) = served {
            tracing::warn!(repo = self.name(), why, "a transaction was rolled back");
            // Before the receiver goes: who finds the channel closed finds the reason.
            let _ = ended.set(why);
        }
    }

    /// Serves one transaction until it ends; `Err` says why this side ended it.
    fn serve(&mut self, epoch: u64, id: RequestId, commands: &Receiver<Command>) -> Result<(), String> {
        let (idle, replicated) = (self.settings.transaction_idle, self.replicated);
        let until = Instant::now() + self.settings.transaction_total;
        let mut idle_until = Instant::now() + idle;
        let result = loop {
            let left = idle_until.min(until).saturating_duration_since(Instant::now());
            let command = match commands.recv_timeout(left.min(LOOK)) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
                Err(RecvTimeoutError::Timeout) if left > LOOK => None,
                Err(RecvTimeoutError::Timeout) => break Err(self.overdue(until)),
            };
            if self.closing.load(Ordering::Acquire) {
                if let Some(command) = command {
                    command.refuse(&Refusal::ShuttingDown);
                }
                break Err("the node is shutting down".to_owned());
            }
            if self.settles.is_asked(id) {
                let why = "its caller, who lost sight of it, asked what became of it";
                if let Some(command) = command {
                    command.refuse(&Refusal::TransactionEnded(why.to_owned()));
                }
                break Err(why.to_owned());
            }
            // Looked at while it is idle, too: LiteFS can neither demote this node nor mount again
            // while the file is open.
            let Some(open) = self.still(epoch) else {
                if let Some(command) = command {
                    command.refuse(&Refusal::NotPrimary { hint: None });
                }
                self.disconnect();
                return Err("its primary moved".to_owned());
            };
            let Some(command) = command else { continue };
            match command {
                Command::Run(statement, most, ticket) => {
                    if !ticket.take() {
                        ticket.expire();
                        continue;
                    }
                    let step = step(open, &statement, most, replicated);
                    if let Some((refused, why)) = ended_by(&step, replicated) {
                        // Before anybody is told: nothing of it is kept.
                        self.disconnect();
                        ticket.refuse(refused);
                        return Err(why);
                    }
                    let open = step.open;
                    ticket.answer(Ok(step));
                    if !open {
                        return Ok(());
                    }
                    idle_until = Instant::now() + idle;
                }
                Command::Look => {}
                Command::Commit(stamp, ticket) => {
                    if !ticket.take() {
                        ticket.expire();
                        break Err("its commit came after its deadline".to_owned());
                    }
                    let committed = self.commit_transaction(epoch, id, &stamp);
                    let open = matches!(committed, Ok(Committed::No(_)));
                    ticket.answer(committed);
                    if !open {
                        return Ok(());
                    }
                }
                Command::RollBack(ticket) => {
                    let session = session::read(&mut open.conn).unwrap_or_default();
                    if !engine::roll_back(&mut open.conn) {
                        self.disconnect();
                    }
                    ticket.answer(Ok(session));
                    return Ok(());
                }
            }
        };
        if !self.still(epoch).is_some_and(|open| engine::roll_back(&mut open.conn)) {
            self.disconnect();
        }
        result
    }

    fn overdue(&self, until: Instant) -> String {
        let seconds = |limit: Duration| limit.as_secs_f32();
        if Instant::now() < until {
            let limit = seconds(self.settings.transaction_idle);
            format!("it was idle for {limit} s (setting `transaction_idle`)")
        } else {
            let limit = seconds(self.settings.transaction_total);
            format!("it was open for {limit} s (setting `transaction_total`)")
        }
    }

    fn commit_transaction(&mut self, epoch: u64, id: RequestId, stamp: &Stamp) -> Result<Committed, Refusal> {
        let history = self.history.clone();
        let Some(Open { conn, ledger, .. }) = self.still(epoch) else {
            self.disconnect();
            return Err(Refusal::NotPrimary { hint: None });
        };
        let session = session::read(conn).unwrap_or_default();
        let written = Written { session, ..Written::default() };
        let keeps = ledger.keeps_ids();
        let mut before = None;
        if keeps {
            let entered = enter(conn, ledger, id, stamp, &written);
            match entered.and_then(|()| history.position().map_err(|error| error.to_string())) {
                Ok(position) => before = Some(position),
                Err(why) => {
                    self.disconnect();
                    return Err(Refusal::TransactionEnded(format!("it could not be entered: {why}")));
                }
            }
        }
        // Not by Diesel's manager: it would roll back what SQLite keeps open.
        if let Err(error) = conn.batch_execute("COMMIT") {
            let error = DatabaseError::from(error);
            let settled =
                error.kind == crate::error::ErrorKind::ForeignKey || engine::is_busy(&error.message);
            if settled && engine::is_open(conn) && (!keeps || take_back(conn, ledger, epoch)) {
                return Ok(Committed::No(error));
            }
            self.disconnect();
            return Err(Refusal::Unknown(format!("its commit failed: {}", error.message)));
        }
        *AnsiTransactionManager::transaction_manager_status_mut(conn) = Default::default();
        ledger.committed();
        match place(&*self.history, group::Begun { epoch, before }) {
            Ok(position) => {
                tracing::debug!(%position, "committed a transaction");
                Ok(Committed::Yes(Written { position, ..written }))
            }
            Err(why) => {
                self.disconnect();
                Err(Refusal::Unknown(why.to_owned()))
            }
        }
    }
}

/// Why no transaction may be opened under an id, if so.
fn must_not_open(found: diesel::QueryResult<Found>) -> Option<Refusal> {
    match found {
        Ok(Found::Fresh) => None,
        Ok(Found::UnknownClient { ticket }) => Some(Refusal::UnknownClient { ticket }),
        // It was settled before it began, or its client went on.
        Ok(Found::Stored(_) | Found::OtherRequest | Found::Late) => Some(Refusal::Late),
        Err(error) => Some(Refusal::Unavailable(format!("its ledger cannot be used: {error}"))),
    }
}

/// Enters the transaction, so that its entry is in its commit. In a savepoint, which goes with the
/// commit: when that is refused, the entry is [taken back](take_back).
fn enter(
    conn: &mut SqliteConnection,
    ledger: &mut Ledger,
    id: RequestId,
    stamp: &Stamp,
    written: &Written,
) -> Result<(), String> {
    if stamp.id != id {
        return Err("it was opened under another id".to_owned());
    }
    match ledger.find(conn, stamp) {
        Ok(Found::Fresh) => {}
        Ok(_) => return Err("its client has gone on".to_owned()),
        Err(error) => return Err(error.to_string()),
    }
    savepoint::open(conn)
        .and_then(|()| ledger.enter(conn, stamp, Stored::Done(Cow::Borrowed(written))))
        .and_then(|()| ledger.seal(conn))
        .map_err(|error| error.to_string())
}

/// The commit was refused, and the transaction is as before.
fn take_back(conn: &mut SqliteConnection, ledger: &mut Ledger, epoch: u64) -> bool {
    savepoint::close(conn, false).is_ok() && ledger.begin(conn, epoch).is_ok()
}

fn step(open: &mut Open, statement: &Statement, mut most: Most, replicated: bool) -> Step {
    let statements = std::slice::from_ref(statement);
    let shrinks = |conn| if replicated { shrink::refused_in(conn, statements) } else { None };
    let refused = savepoint::refused_inside(statements)
        .or_else(|| shrinks(&mut open.conn))
        // Of a batch all is looked at before anything of it runs, as far as words tell.
        .or_else(|| {
            if statement.want == Want::Batch { refused_by_words(statement, Site::Transaction) } else { None }
        });
    let result = match refused {
        Some(refused) => Err(refused),
        None => run(open, statement, &mut most),
    };
    let conn = &mut open.conn;
    // A batch may hold a COMMIT of its own; an error may have ended everything.
    let open = result.is_ok() && statement.want != Want::Batch || engine::is_open(conn);
    Step { result, session: session::read(conn).unwrap_or_default(), open }
}

/// Runs it, so that one whose result is more than it may be changes nothing: SQLite has changed all rows
/// before it gives the first.
fn run(open: &mut Open, statement: &Statement, most: &mut Most) -> Result<Outcome, DatabaseError> {
    if statement.want != Want::Rows || !most.is_bounded() || !kind::sets_session(&statement.sql) {
        return open.run(statement, Site::Transaction, most);
    }
    savepoint::open(&mut open.conn)?;
    let ran = open.run(statement, Site::Transaction, most);
    let too_large = ran.as_ref().is_err_and(|error| error.bound().is_some());
    // What an error left (`OR FAIL`) is kept, as it would be without this; it may have ended everything.
    if ran.is_ok() || too_large || engine::is_open(&mut open.conn) {
        savepoint::close(&mut open.conn, !too_large)?;
    }
    ran
}

/// Why a transaction is over, when its statement found that this node is primary no more or that its
/// LiteFS went away: nothing else can run in it, nor its commit be kept.
fn ended_by(step: &Step, replicated: bool) -> Option<(Refusal, String)> {
    let error = step.result.as_ref().err()?;
    match engine::verdict(error.clone(), replicated) {
        refused @ (Refusal::NotPrimary { .. } | Refusal::Unavailable(_)) => {
            Some((refused, format!("its primary could not go on with it: {}", error.message)))
        }
        _ => None,
    }
}

impl Command {
    fn refuse(self, why: &Refusal) {
        match self {
            Self::Run(_, _, ticket) => ticket.refuse(why.clone()),
            Self::Commit(_, ticket) => ticket.refuse(why.clone()),
            Self::Look => {}
            Self::RollBack(ticket) => ticket.refuse(why.clone()),
        }
    }
}
