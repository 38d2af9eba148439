//! Who asks the writer, as the router does: registers, and reads a refusal as an outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::future::BoxFuture;

use crate::error::{DatabaseError, Error};
use crate::request::{
    Ask, Begin, CommitRefusal, Executor, OpenTransaction, Refusal, RequestId, Stamp, Step, Terms, Write,
    WriteRequest, Written,
};
use crate::statement::{Outcome, Session, Statement};
use crate::writer::Writer;

/// A client of the ledger, whose writes have one number after the other.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) writer: Arc<Writer>,
    pub(super) client: u128,
    next: Arc<AtomicU64>,
}

pub(super) fn error(refusal: Refusal) -> Error {
    refusal.into_error("here")
}

impl Caller {
    pub(super) fn new(writer: Arc<Writer>) -> Self {
        Self { writer, client: 1, next: Arc::new(AtomicU64::new(1)) }
    }

    /// Another process at the same writer.
    pub(super) fn client(&self, client: u128) -> Self {
        Self { client, ..Self::new(self.writer.clone()) }
    }

    /// The stamp of a next write.
    pub(super) fn stamp(&self) -> Stamp {
        self.stamped(self.next.fetch_add(1, Ordering::SeqCst))
    }

    pub(super) fn stamped(&self, sequence: u64) -> Stamp {
        let id = RequestId { client: self.client, sequence };
        Stamp { id, hash: 7, forgotten: 0, again: false }
    }

    /// One attempt, without anything around it.
    pub(super) fn ask(&self, stamp: Stamp, ask: Ask) -> BoxFuture<'static, Result<Written, Refusal>> {
        self.writer.write(WriteRequest { stamp, ask }, deadline().into())
    }

    /// Makes the client known.
    pub(super) async fn register(&self) {
        let question = self.ask(self.stamped(u64::MAX >> 2), Ask::Settle).await;
        if let Err(Refusal::UnknownClient { ticket }) = question {
            self.ask(self.stamped(0), Ask::Register { ticket }).await.unwrap();
        }
    }

    /// An attempt under a stamp, of a client that registers when it has to.
    pub(super) fn run(&self, stamp: Stamp, write: Write) -> BoxFuture<'static, Result<Written, Refusal>> {
        self.run_until(stamp, write, deadline())
    }

    fn run_until(
        &self,
        stamp: Stamp,
        write: Write,
        until: Instant,
    ) -> BoxFuture<'static, Result<Written, Refusal>> {
        let caller = self.clone();
        let request = WriteRequest { stamp, ask: Ask::Run(write) };
        // Sent at once, and not when it is waited for.
        let first = self.writer.write(request.clone(), until.into());
        Box::pin(async move {
            match first.await {
                Err(Refusal::UnknownClient { ticket }) => {
                    caller.ask(caller.stamped(0), Ask::Register { ticket }).await?;
                    caller.writer.write(request, until.into()).await
                }
                answered => answered,
            }
        })
    }

    pub(super) fn write(&self, write: Write, terms: Terms) -> BoxFuture<'static, Result<Written, Error>> {
        let ran = self.run_until(self.stamp(), write, terms.deadline);
        Box::pin(async move { ran.await.map_err(error) })
    }

    pub(super) async fn read(&self, statement: Statement, terms: Terms) -> Result<Outcome, Error> {
        self.writer.read(statement, terms.deadline.into()).await.map_err(error)
    }

    pub(super) fn begin(
        &self,
        begin: Begin,
        session: Session,
        terms: Terms,
    ) -> BoxFuture<'static, Result<Opened, Error>> {
        let (caller, id) = (self.clone(), self.stamp().id);
        let first = self.writer.begin(id, begin, session, terms.deadline.into());
        Box::pin(async move {
            let open = match first.await {
                Err(Refusal::UnknownClient { ticket }) => {
                    caller.ask(caller.stamped(0), Ask::Register { ticket }).await.map_err(error)?;
                    caller.writer.begin(id, begin, session, terms.deadline.into()).await
                }
                answered => answered,
            };
            Ok(Opened { open: open.map_err(error)?, id })
        })
    }

    pub(super) fn renew(&self) {
        self.writer.renew();
    }

    pub(super) fn close(&self) {
        self.writer.close();
    }
}

fn deadline() -> Instant {
    super::terms().deadline
}

/// A transaction that is open.
pub(super) struct Opened {
    open: Box<dyn OpenTransaction>,
    pub(super) id: RequestId,
}

pub(super) enum CommitFailure {
    StillOpen(Opened, DatabaseError),
    Ended(Error),
}

impl Opened {
    pub(super) async fn run(&mut self, statement: Statement, deadline: Instant) -> Result<Step, Error> {
        self.open.run(statement, deadline.into()).await.map_err(error)
    }

    pub(super) async fn commit(self, terms: Terms) -> Result<Written, CommitFailure> {
        let id = self.id;
        let stamp = Stamp { id, hash: 0, forgotten: 0, again: false };
        self.open.commit(stamp, terms.deadline).await.map_err(|refusal| match refusal {
            CommitRefusal::StillOpen(open, said) => CommitFailure::StillOpen(Self { open, id }, said),
            CommitRefusal::Ended(refusal) => CommitFailure::Ended(error(refusal)),
        })
    }

    pub(super) async fn rollback(self, deadline: Instant) -> Result<Session, Error> {
        self.open.rollback(deadline).await.map_err(error)
    }
}
