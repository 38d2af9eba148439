//! The data connection's calls.

use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Services;
use super::connection::Calls;
use super::transactions::{Place, Transactions};
use crate::error::Error;
use crate::litefs::Role;
use crate::request::{Ack, CommitFailure, Primary, Terms, WriteRequest, Written};
use crate::rpc::Refusal;
use crate::rpc::codec::Answer;
use crate::rpc::data::{Data, Reply, Request};
use crate::statement::Statement;

/// Answers one connection.
#[derive(Clone)]
pub(super) struct DataCalls {
    services: Arc<Services>,
    transactions: Arc<Transactions>,
    /// Once cancelled, nothing new begins; open transactions may end.
    shutdown: CancellationToken,
}

impl DataCalls {
    pub(super) fn new(services: Arc<Services>, shutdown: CancellationToken) -> Self {
        let transactions = Transactions::new(services.limits.transactions);
        Self { services, transactions, shutdown }
    }

    /// The local writer, when this node is the one to ask.
    fn primary(&self, repo: &str) -> Result<&Arc<dyn Primary>, Refusal> {
        if self.shutdown.is_cancelled() {
            return Err(Refusal::ShuttingDown);
        }
        let writer = self.services.repos.get(repo).ok_or_else(|| Refusal::UnknownRepo(repo.to_owned()))?;
        if self.services.view.borrow().role == Role::Primary {
            Ok(writer)
        } else {
            Err(Refusal::NotPrimary { hint: self.hint() })
        }
    }

    fn hint(&self) -> Option<String> {
        self.services.view.borrow().primary().map(str::to_owned)
    }

    fn refusal(&self, error: Error) -> Refusal {
        Refusal::from_error(error, || self.hint())
    }

    async fn write(&self, repo: &str, request: WriteRequest, terms: Terms) -> Answer<Data> {
        let writer = self.primary(repo)?;
        writer.write(request, terms).await.or_else(|error| self.committed(error)).map(Reply::Written)
    }

    /// A write that is committed is that, whatever its writer waited for in vain: the node that
    /// asked waits for itself.
    fn committed(&self, error: Error) -> Result<Written, Refusal> {
        match error.value::<Written>() {
            Some(written) => Ok(written.clone()),
            None => Err(self.refusal(error)),
        }
    }

    async fn step(&self, id: u64, statement: Statement, deadline: Instant) -> Answer<Data> {
        let (place, mut transaction) = self.transactions.take(id)?;
        let step = transaction.run(statement, deadline).await.map_err(|error| self.refusal(error))?;
        if step.open {
            place.keep(transaction)?;
        }
        Ok(Reply::Step(step))
    }

    async fn commit(&self, id: u64, terms: Terms) -> Answer<Data> {
        let (place, transaction) = self.transactions.take(id)?;
        match transaction.commit(terms).await {
            Ok(written) => Ok(Reply::Committed(written)),
            Err(CommitFailure::StillOpen(transaction, error)) => {
                place.keep(transaction)?;
                Ok(Reply::NotCommitted(error))
            }
            Err(CommitFailure::Ended(error)) => self.committed(error).map(Reply::Committed),
        }
    }

    async fn rollback(&self, id: u64, deadline: Instant) -> Answer<Data> {
        let (_place, transaction) = self.transactions.take_back(id)?;
        transaction.rollback(deadline).await.map(Reply::RolledBack).map_err(|error| self.refusal(error))
    }

    async fn answer(
        self,
        place: Option<Result<Place, Refusal>>,
        request: Request<'static>,
        deadline: Instant,
    ) -> Answer<Data> {
        // The node that asked waits until it can read the write; here it is committed.
        let terms = Terms { deadline, ack: Ack::Committed };
        match request {
            Request::Write { repo, request } => self.write(&repo, request.into_owned(), terms).await,
            Request::Read { repo, statement } => {
                let read = self.primary(&repo)?.read(statement.into_owned(), terms).await;
                read.map(Reply::Read).map_err(|error| self.refusal(error))
            }
            Request::Begin { repo, begin, session, .. } => {
                let place = place.unwrap_or(Err(Refusal::Overloaded))?;
                let begun = self.primary(&repo)?.begin(begin, session, terms).await;
                place.keep(begun.map_err(|error| self.refusal(error))?)?;
                Ok(Reply::Begun)
            }
            Request::Step { transaction, statement } => {
                self.step(transaction, statement.into_owned(), deadline).await
            }
            Request::Commit { transaction } => self.commit(transaction, terms).await,
            Request::Rollback { transaction } => self.rollback(transaction, deadline).await,
        }
    }
}

impl Calls for DataCalls {
    type Service = Data;
    type Taken = Option<Result<Place, Refusal>>;

    /// A transaction gets its place here, so that a rollback which comes right behind finds it.
    fn take_up(&self, request: &Request<'static>) -> Self::Taken {
        match request {
            Request::Begin { transaction, .. } => Some(self.transactions.reserve(*transaction)),
            _ => None,
        }
    }

    fn run(
        self,
        place: Self::Taken,
        request: Request<'static>,
        deadline: Instant,
    ) -> BoxFuture<'static, Answer<Data>> {
        let span = tracing::debug_span!("answer", sql = request.sql());
        self.answer(place, request, deadline).instrument(span).boxed()
    }

    fn close(&self) {
        self.transactions.close();
    }
}
