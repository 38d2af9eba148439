//! A transaction that is open in the writer of another node.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;

use super::peer::Peer;
use crate::request::{Allowance, CommitRefusal, OpenTransaction, Refusal, Sizes, Stamp, Step, Written};
use crate::rpc::client::{Client, Failure, Message};
use crate::rpc::data::{Data, Reply, Request};
use crate::statement::{Session, Statement};

/// How long a rollback that nobody waits for may take. The end of the connection rolls back too.
const FORGOTTEN: Duration = Duration::from_secs(5);

/// Lives on one connection, and ends with it.
pub(super) struct RemoteTransaction {
    runtime: Handle,
    client: Arc<Client<Data>>,
    peer: Arc<Peer>,
    sizes: Sizes,
    /// Its number on that connection.
    id: u64,
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
        runtime: &Handle,
        client: &Arc<Client<Data>>,
        peer: &Arc<Peer>,
        sizes: Sizes,
        id: u64,
    ) -> Self {
        let (client, peer) = (Arc::clone(client), Arc::clone(peer));
        Self { runtime: runtime.clone(), client, peer, sizes, id, state: State::Open }
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
        request.sized(&self.sizes).map_err(|bound| Failure::Refused(Refusal::TooLarge(bound)))?;
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

    async fn step(&mut self, statement: Statement, deadline: Instant) -> Result<Step, Refusal> {
        let request = Request::Step { transaction: self.id, statement: Cow::Owned(statement) };
        match self.call(&request, deadline).await {
            Ok(Reply::Step(step)) => Ok(step),
            Ok(_) => Err(self.ended("it answered something else")),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    async fn finish(mut self: Box<Self>, stamp: Stamp, deadline: Instant) -> Result<Written, CommitRefusal> {
        let request = Request::Commit { transaction: self.id, stamp };
        Err(CommitRefusal::Ended(match self.call(&request, deadline).await {
            Ok(Reply::Committed(written)) => return Ok(written),
            Ok(Reply::NotCommitted(error)) => return Err(CommitRefusal::StillOpen(self, error)),
            Ok(_) => Refusal::Unknown("the primary answered something else to a COMMIT".into()),
            // Only of a commit: all else in a transaction leaves nothing behind.
            Err(Failure::Lost(why)) => {
                Refusal::Unknown(format!("the answer to COMMIT was lost: {}: {why}", self.peer.hostname()))
            }
            Err(failure) => self.failed(failure),
        }))
    }

    async fn undo(mut self: Box<Self>, deadline: Instant) -> Result<Session, Refusal> {
        let request = Request::Rollback { transaction: self.id };
        match self.call(&request, deadline).await {
            Ok(Reply::RolledBack(session)) => Ok(session),
            Ok(_) => Err(self.ended("it answered something else")),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    fn ended(&self, why: impl Into<String>) -> Refusal {
        Refusal::TransactionEnded(why.into())
    }

    /// What a failure is for a call whose effect is gone with the transaction.
    fn failed(&self, failure: Failure) -> Refusal {
        match failure {
            Failure::Refused(refusal) => refusal,
            Failure::Unsendable(why) | Failure::NotSent(why) | Failure::Lost(why) => self.ended(why),
        }
    }
}

impl OpenTransaction for RemoteTransaction {
    fn run(&mut self, statement: Statement, allowance: Allowance) -> BoxFuture<'_, Result<Step, Refusal>> {
        self.step(statement, allowance.deadline).boxed()
    }

    fn commit(
        self: Box<Self>,
        stamp: Stamp,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<Written, CommitRefusal>> {
        self.finish(stamp, deadline).boxed()
    }

    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Refusal>> {
        self.undo(deadline).boxed()
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
        self.runtime.spawn(async move {
            let _ = client.call(message, Instant::now() + FORGOTTEN).await;
        });
    }
}
