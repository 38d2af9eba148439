//! A transaction that a connection opened: it holds the writer's thread until it ends.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::sqlite::SqliteConnection;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::engine::{self, Engine};
use super::job::{Claim, Ticket};
use super::{session, shrink};
use crate::error::DatabaseError;
use crate::request::{Begin, CommitRefusal, OpenTransaction, Refusal, Stamp, Step, Written};
use crate::statement::execute::execute;
use crate::statement::{Session, Statement, Want};

/// How often a thread that waits for the next statement looks whether its node shuts down.
const LOOK: Duration = Duration::from_millis(50);

/// What the thread is asked while a transaction is open.
enum Command {
    Run(Statement, Ticket<Step>),
    Commit(Ticket<Committed>),
    RollBack(Ticket<Session>),
}

/// What came of a COMMIT that the database answered.
enum Committed {
    Yes(Written),
    /// The database said no, and the transaction is still open.
    No(DatabaseError),
}

/// The other end of the thread's attention. Dropping it rolls the transaction back.
pub(super) struct LocalTransaction {
    commands: SyncSender<Command>,
    /// Why the thread ended it, once it has.
    ended: Arc<OnceLock<String>>,
}

impl Engine {
    pub(super) fn run_transaction(
        &mut self,
        begin: Begin,
        session: Session,
        ticket: Ticket<LocalTransaction>,
    ) {
        if !ticket.is_wanted() {
            return ticket.expire();
        }
        let (epoch, conn) = match self.ready() {
            Ok(ready) => ready,
            Err(error) => return ticket.answer(Err(error)),
        };
        let sql = match begin {
            Begin::Immediate => "BEGIN IMMEDIATE",
            Begin::Exclusive => "BEGIN EXCLUSIVE",
        };
        if let Err(error) = engine::begin(conn, sql) {
            return ticket.answer(Err(error));
        }
        // Only now: waiting for the lock is not running.
        if !ticket.take() {
            engine::roll_back(conn);
            return ticket.expire();
        }
        if let Err(error) = session::restore(conn, session, &[]) {
            engine::roll_back(conn);
            return ticket.answer(Err(Refusal::Rejected(error.into())));
        }
        // One statement at a time: the connection waits for each before it sends the next.
        let (sender, commands) = sync_channel(1);
        let ended = Arc::new(OnceLock::new());
        ticket.answer(Ok(LocalTransaction { commands: sender, ended: ended.clone() }));
        if let Err(why) = self.serve(epoch, &commands) {
            tracing::warn!(repo = self.name(), why, "a transaction was rolled back");
            // Before the receiver goes: who finds the channel closed finds the reason.
            let _ = ended.set(why);
        }
    }

    /// Serves one transaction until it ends; `Err` says why this side ended it.
    fn serve(&mut self, epoch: u64, commands: &Receiver<Command>) -> Result<(), String> {
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
            // Looked at while it is idle, too: LiteFS can neither demote this node nor mount again
            // while the file is open.
            let Some(conn) = self.still(epoch) else {
                if let Some(command) = command {
                    command.refuse(&Refusal::NotPrimary { hint: None });
                }
                self.disconnect();
                return Err("its primary moved".to_owned());
            };
            let Some(command) = command else { continue };
            match command {
                Command::Run(statement, ticket) => {
                    if !ticket.take() {
                        ticket.expire();
                        continue;
                    }
                    let step = step(conn, &statement, replicated);
                    let open = step.open;
                    ticket.answer(Ok(step));
                    if !open {
                        return Ok(());
                    }
                    idle_until = Instant::now() + idle;
                }
                Command::Commit(ticket) => {
                    if !ticket.take() {
                        ticket.expire();
                        break Err("its commit came after its deadline".to_owned());
                    }
                    let committed = self.commit_transaction(epoch);
                    let open = matches!(committed, Ok(Committed::No(_)));
                    ticket.answer(committed);
                    if !open {
                        return Ok(());
                    }
                }
                Command::RollBack(ticket) => {
                    let session = session::read(conn).unwrap_or_default();
                    if !engine::roll_back(conn) {
                        self.disconnect();
                    }
                    ticket.answer(Ok(session));
                    return Ok(());
                }
            }
        };
        if !self.still(epoch).is_some_and(engine::roll_back) {
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

    fn commit_transaction(&mut self, epoch: u64) -> Result<Committed, Refusal> {
        let Some(conn) = self.still(epoch) else {
            self.disconnect();
            return Err(Refusal::NotPrimary { hint: None });
        };
        let session = session::read(conn).unwrap_or_default();
        // Not by Diesel's manager: it would roll back what SQLite keeps open.
        if let Err(error) = conn.batch_execute("COMMIT") {
            let error = DatabaseError::from(error);
            let settled =
                error.kind == crate::error::ErrorKind::ForeignKey || engine::is_busy(&error.message);
            if settled && engine::is_open(conn) {
                return Ok(Committed::No(error));
            }
            self.disconnect();
            return Err(Refusal::Unknown(format!("its commit failed: {}", error.message)));
        }
        *AnsiTransactionManager::transaction_manager_status_mut(conn) = Default::default();
        match (self.history.primary_epoch(), self.history.position()) {
            (Some(now), Ok(position)) if now == epoch => {
                tracing::debug!(%position, "committed a transaction");
                Ok(Committed::Yes(Written { session, position, ..Written::default() }))
            }
            _ => {
                self.disconnect();
                Err(Refusal::Unknown("the primary changed while the commit ran".into()))
            }
        }
    }
}

fn step(conn: &mut SqliteConnection, statement: &Statement, replicated: bool) -> Step {
    let refused = if replicated { shrink::refused_in(conn, std::slice::from_ref(statement)) } else { None };
    let result = match refused {
        Some(refused) => Err(refused),
        None => execute(conn, statement).map_err(DatabaseError::from),
    };
    // A batch may hold a COMMIT of its own; an error may have ended everything.
    let open = result.is_ok() && statement.want != Want::Batch || engine::is_open(conn);
    Step { result, session: session::read(conn).unwrap_or_default(), open }
}

impl Command {
    fn refuse(self, why: &Refusal) {
        match self {
            Self::Run(_, ticket) => ticket.refuse(why.clone()),
            Self::Commit(ticket) => ticket.refuse(why.clone()),
            Self::RollBack(ticket) => ticket.refuse(why.clone()),
        }
    }
}

impl LocalTransaction {
    fn send<T>(
        &self,
        deadline: Instant,
        command: impl FnOnce(Ticket<T>) -> Command,
    ) -> Result<Asked<T>, Refusal> {
        let (reply, answer) = oneshot::channel();
        let (ticket, claim) = Ticket::new(deadline, reply);
        match self.commands.try_send(command(ticket)) {
            Ok(()) => Ok((claim, answer, self.ended.clone())),
            Err(_) => Err(ended(&self.ended)),
        }
    }
}

type Asked<T> = (Claim, oneshot::Receiver<Result<T, Refusal>>, Arc<OnceLock<String>>);

async fn answer<T>(asked: Result<Asked<T>, Refusal>) -> Result<T, Refusal> {
    let (claim, answer, why) = asked?;
    claim.wait(answer).await.map_err(|error| match error {
        // Nothing of an open transaction is kept, whatever the statement was.
        Refusal::ShuttingDown => ended(&why),
        error => error,
    })
}

fn ended(why: &OnceLock<String>) -> Refusal {
    let why = why.get().cloned().unwrap_or_else(|| "the writer has ended it".to_owned());
    Refusal::TransactionEnded(why)
}

impl OpenTransaction for LocalTransaction {
    fn run(&mut self, statement: Statement, deadline: Instant) -> BoxFuture<'_, Result<Step, Refusal>> {
        let asked = self.send(deadline, |ticket| Command::Run(statement, ticket));
        Box::pin(async move {
            answer(asked).await.map_err(|error| match error {
                // Whoever gets this drops the transaction, and nothing of it is kept.
                Refusal::Unknown(why) => Refusal::TransactionEnded(why),
                error => error,
            })
        })
    }

    fn commit(
        self: Box<Self>,
        _stamp: Stamp,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<Written, CommitRefusal>> {
        let asked = self.send(deadline, Command::Commit);
        Box::pin(async move {
            match answer(asked).await {
                Ok(Committed::Yes(written)) => Ok(written),
                Ok(Committed::No(error)) => Err(CommitRefusal::StillOpen(self, error)),
                Err(error) => Err(CommitRefusal::Ended(error)),
            }
        })
    }

    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Refusal>> {
        let asked = self.send(deadline, Command::RollBack);
        Box::pin(answer(asked))
    }
}
