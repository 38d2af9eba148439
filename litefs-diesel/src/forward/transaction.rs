//! A transaction that is open on another node.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tracing::Instrument;

use super::peer::Peer;
use super::router::Inner;
use crate::error::{Error, NotExecuted};
use crate::request::{CommitFailure, Step, Terms, Transaction, Written};
use crate::rpc::Refusal;
use crate::rpc::client::{Client, Failure, Message};
use crate::rpc::data::{Data, Reply, Request};
use crate::runtime::in_runtime;
use crate::statement::{Session, Statement};

/// How long a rollback that nobody waits for may take. The end of the connection rolls back too.
const FORGOTTEN: Duration = Duration::from_secs(5);

/// Lives on one connection, and ends with it.
pub(super) struct RemoteTransaction {
    router: Arc<Inner>,
    client: Arc<Client<Data>>,
    peer: Arc<Peer>,
    id: u64,
    /// The role's epoch at its begin.
    epoch: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    /// A call was given up, or failed: nothing more runs in it, and it must be rolled back.
    Spoilt,
    /// There is nothing of it on the primary any more.
    Ended,
}

impl RemoteTransaction {
    pub(super) fn new(
        router: Arc<Inner>,
        client: Arc<Client<Data>>,
        peer: Arc<Peer>,
        id: u64,
        epoch: u64,
    ) -> Self {
        Self { router, client, peer, id, epoch, state: State::Open }
    }

    /// The primary did not open it, so there is nothing to roll back.
    pub(super) fn never_opened(&mut self) {
        self.state = State::Ended;
    }

    /// One call in it. Until it is answered the transaction counts as spoilt, so that dropping the
    /// future, too, ends it.
    async fn call(&mut self, request: &Request<'_>, deadline: Instant) -> Result<Reply, Failure> {
        if self.state != State::Open {
            return Err(Failure::NotSent("an earlier call in it failed or was given up".into()));
        }
        self.state = State::Spoilt;
        let called = self.client.call(Message::new(request), deadline).await;
        match &called {
            Ok(Reply::Step(step)) if !step.open => self.state = State::Ended,
            Ok(Reply::Committed(_) | Reply::RolledBack(_))
            | Err(Failure::Refused(Refusal::TransactionEnded(_))) => self.state = State::Ended,
            Ok(_) => self.state = State::Open,
            Err(_) => {}
        }
        called
    }

    fn ended(&self, why: impl std::fmt::Display) -> Error {
        let why = format!("{}: {why}", self.peer.hostname());
        Error::NotExecuted(NotExecuted::TransactionEnded(why))
    }

    /// What a failure is for a call whose effect is gone with the transaction.
    fn failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Refused(refusal @ Refusal::NotPrimary { .. }) => {
                self.ended(refusal.into_error(self.peer.hostname()))
            }
            Failure::Refused(refusal) => refusal.into_error(self.peer.hostname()),
            Failure::Unsendable(why) | Failure::NotSent(why) | Failure::Lost(why) => self.ended(why),
        }
    }

    async fn step(&mut self, statement: Statement, deadline: Instant) -> Result<Step, Error> {
        let request = Request::Step { transaction: self.id, statement: Cow::Owned(statement) };
        match self.call(&request, deadline).await {
            Ok(Reply::Step(step)) => Ok(step),
            Ok(_) => Err(self.ended("the primary answered something else")),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    async fn finish(mut self: Box<Self>, terms: Terms) -> Result<Written, CommitFailure> {
        let request = Request::Commit { transaction: self.id };
        let ended = match self.call(&request, terms.deadline).await {
            Ok(Reply::Committed(written)) => {
                let visible = self.router.visible(written, self.epoch, terms).await;
                return visible.map_err(CommitFailure::Ended);
            }
            Ok(Reply::NotCommitted(error)) => return Err(CommitFailure::StillOpen(self, error)),
            Ok(_) => Error::Unknown { why: "the primary answered something else to a COMMIT".into() },
            // Only of a commit: all else in a transaction leaves nothing behind.
            Err(Failure::Lost(why)) => Error::Unknown {
                why: format!("the answer to COMMIT was lost: {}: {why}", self.peer.hostname()),
            },
            Err(failure) => self.failed(failure),
        };
        Err(CommitFailure::Ended(ended))
    }

    async fn undo(mut self: Box<Self>, deadline: Instant) -> Result<Session, Error> {
        let request = Request::Rollback { transaction: self.id };
        match self.call(&request, deadline).await {
            Ok(Reply::RolledBack(session)) => Ok(session),
            Ok(_) => Err(self.ended("the primary answered something else")),
            Err(failure) => Err(self.failed(failure)),
        }
    }
}

impl Transaction for RemoteTransaction {
    fn run(&mut self, statement: Statement, deadline: Instant) -> BoxFuture<'_, Result<Step, Error>> {
        let span = tracing::debug_span!(
            "step",
            transaction = self.id,
            sql = super::router::beginning(&statement.sql)
        );
        let runtime = self.router.runtime().clone();
        in_runtime(runtime, self.step(statement, deadline).instrument(span)).boxed()
    }

    fn commit(self: Box<Self>, terms: Terms) -> BoxFuture<'static, Result<Written, CommitFailure>> {
        let span = tracing::debug_span!("commit", transaction = self.id);
        in_runtime(self.router.runtime().clone(), self.finish(terms).instrument(span)).boxed()
    }

    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Error>> {
        let span = tracing::debug_span!("rollback", transaction = self.id);
        in_runtime(self.router.runtime().clone(), self.undo(deadline).instrument(span)).boxed()
    }
}

impl Drop for RemoteTransaction {
    fn drop(&mut self) {
        if self.state == State::Ended {
            return;
        }
        let client = Arc::clone(&self.client);
        let message = Message::new(&Request::Rollback { transaction: self.id });
        // Whatever came of it: the primary ends it too when it is idle for long, or the connection ends.
        self.router.runtime().spawn(async move {
            let _ = client.call(message, Instant::now() + FORGOTTEN).await;
        });
    }
}
