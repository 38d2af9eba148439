//! The other end of a transaction that holds the writer's thread.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::job::{Claim, Ticket};
use super::transaction::{Command, Committed};
use crate::request::{Allowance, CommitRefusal, Held, OpenTransaction, Refusal, Stamp, Step, Written};
use crate::statement::{Session, Statement};

/// Has the thread's attention. Dropping it rolls the transaction back.
pub(super) struct LocalTransaction {
    commands: Arc<SyncSender<Command>>,
    /// Why the thread ended it, once it has.
    ended: Arc<OnceLock<String>>,
}

impl LocalTransaction {
    pub(super) fn new(commands: Arc<SyncSender<Command>>, ended: Arc<OnceLock<String>>) -> Self {
        Self { commands, ended }
    }

    fn send<T>(
        &self,
        deadline: Instant,
        held: Held,
        command: impl FnOnce(Ticket<T>) -> Command,
    ) -> Result<Asked<T>, Refusal> {
        let (reply, answer) = oneshot::channel();
        let (ticket, claim) = Ticket::new(deadline, held, reply);
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
    fn run(&mut self, statement: Statement, allowance: Allowance) -> BoxFuture<'_, Result<Step, Refusal>> {
        let Allowance { deadline, most, held } = allowance;
        let asked = self.send(deadline, held, |ticket| Command::Run(statement, most, ticket));
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
        stamp: Stamp,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<Written, CommitRefusal>> {
        let asked = self.send(deadline, Held::default(), |ticket| Command::Commit(stamp, ticket));
        Box::pin(async move {
            match answer(asked).await {
                Ok(Committed::Yes(written)) => Ok(written),
                Ok(Committed::No(error)) => Err(CommitRefusal::StillOpen(self, error)),
                Err(error) => Err(CommitRefusal::Ended(error)),
            }
        })
    }

    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Refusal>> {
        let asked = self.send(deadline, Held::default(), Command::RollBack);
        Box::pin(answer(asked))
    }
}
