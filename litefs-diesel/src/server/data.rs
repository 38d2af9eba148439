//! The data connection's calls.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Services;
use super::connection::Calls;
use super::reason::Reason;
use super::refused::Caller;
use super::transactions::{Place, Transactions};
use crate::config::tool::node_of;
use crate::litefs::Role;
use crate::request::{Allowance, Ask, CommitRefusal, Executor, Refusal, Sizes, Stamp, Step, WriteRequest};
use crate::rpc::codec::Answer;
use crate::rpc::data::{Data, Reply, Request};
use crate::shortened::beginning;
use crate::statement::Statement;

/// Answers one connection.
#[derive(Clone)]
pub(super) struct DataCalls {
    services: Arc<Services>,
    caller: Caller,
    /// Why its writes are not taken, if they are not.
    barred: Option<Arc<str>>,
    transactions: Arc<Transactions>,
    /// Once cancelled, nothing new begins; open transactions may end.
    shutdown: CancellationToken,
}

impl DataCalls {
    /// `node` is the name of the one who calls; that of its certificate, where it has one.
    pub(super) fn new(
        services: Arc<Services>,
        caller: Caller,
        node: &str,
        shutdown: CancellationToken,
    ) -> Self {
        let own = services.limits.transactions_per_connection;
        let transactions = Transactions::new(own, Arc::clone(&services.budget.transactions));
        let node = node_of(node);
        // A guest beside this node is on its machine.
        let this = &services.identity.node;
        let setting = services.accept.refuses(node).filter(|_| node != this);
        let barred = setting.map(|setting| {
            format!("it does not take writes of `{node}` (setting `{setting}` of `{this}`)").into()
        });
        Self { services, caller, barred, transactions, shutdown }
    }

    /// The local writer, when this node is the one to ask.
    fn primary(&self, repo: &str) -> Result<&Arc<dyn Executor>, Refusal> {
        if self.shutdown.is_cancelled() {
            return Err(Refusal::ShuttingDown);
        }
        let writer =
            self.services.repos.get(repo).ok_or_else(|| Refusal::UnknownRepo(beginning(repo).to_owned()))?;
        if self.services.members.role() == Role::Primary {
            Ok(writer)
        } else {
            Err(Refusal::NotPrimary { hint: self.hint() })
        }
    }

    /// The request as it may be answered, or why not, when its caller's writes are not taken. Whoever is primary
    /// decides that: another node sends it there. What only reads is answered, and what only asks how an
    /// earlier write ended; a further attempt at a write that may have run becomes that question.
    /// With why that is, for when there was no attempt that ran.
    fn bar(&self, request: Request<'static>) -> Result<(Request<'static>, Option<Arc<str>>), Refusal> {
        let Some(why) = &self.barred else { return Ok((request, None)) };
        let again = match &request {
            Request::Write { request: write, .. } => match &write.ask {
                // What runs alone has no entry in the ledger: asked about it, the ledger would say that it never ran.
                // What runs alone has no entry, and the ledger would take it for one that never ran.
                Ask::Run(run) => write.stamp.again && !run.alone,
                Ask::Register { .. } if !write.stamp.again => false,
                // For such a question.
                Ask::Register { .. } | Ask::Settle | Ask::Look => return Ok((request, None)),
            },
            Request::Begin { .. } => false,
            // There is none of the last three without a Begin.
            Request::Read { .. }
            | Request::Step { .. }
            | Request::Commit { .. }
            | Request::Rollback { .. } => return Ok((request, None)),
        };
        if self.services.members.role() != Role::Primary {
            return Err(Refusal::NotPrimary { hint: self.hint() });
        }
        self.caller.note(Reason::WritesNotAccepted, why);
        match request {
            Request::Write { repo, request } if again => {
                let question = WriteRequest { stamp: request.stamp, ask: Ask::Settle };
                Ok((Request::Write { repo, request: Cow::Owned(question) }, Some(Arc::clone(why))))
            }
            _ => Err(Refusal::Refused(why.to_string())),
        }
    }

    fn hint(&self) -> Option<String> {
        match self.services.members.role() {
            Role::Replica { primary } => Some(primary),
            Role::Primary | Role::NoLeader => None,
        }
    }

    /// The writer does not know who else is primary.
    fn hinted(&self, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::NotPrimary { hint: None } => Refusal::NotPrimary { hint: self.hint() },
            refusal => refusal,
        }
    }

    async fn step(&self, id: u64, statement: Statement, allowance: Allowance) -> Answer<Data> {
        let (place, mut transaction) = self.transactions.take(id)?;
        let step = transaction.run(statement, allowance).await.map_err(|why| self.hinted(why))?;
        if step.open {
            place.keep(transaction)?;
        }
        Ok(Reply::Step(step))
    }

    async fn commit(&self, id: u64, stamp: Stamp, deadline: Instant) -> Answer<Data> {
        let (place, transaction) = self.transactions.take(id)?;
        match transaction.commit(stamp, deadline).await {
            Ok(written) => Ok(Reply::Committed(written)),
            Err(CommitRefusal::StillOpen(transaction, error)) => {
                place.keep(transaction)?;
                Ok(Reply::NotCommitted(error))
            }
            Err(CommitRefusal::Ended(why)) => Err(self.hinted(why)),
        }
    }

    async fn rollback(&self, id: u64, deadline: Instant) -> Answer<Data> {
        let (_place, transaction) = self.transactions.take_back(id)?;
        transaction.rollback(deadline).await.map(Reply::RolledBack).map_err(|why| self.hinted(why))
    }

    async fn answer(
        self,
        place: Option<Place>,
        request: Request<'static>,
        allowance: Allowance,
    ) -> Answer<Data> {
        // Before anything runs, and whoever is primary.
        request.sized(&Sizes::of(&self.services.limits)).map_err(Refusal::TooLarge)?;
        match request {
            Request::Write { repo, request } => {
                let written = self.primary(&repo)?.write(request.into_owned(), allowance).await;
                written.map(Reply::Written).map_err(|why| self.hinted(why))
            }
            Request::Read { repo, statement } => {
                let read = self.primary(&repo)?.read(statement.into_owned(), allowance).await;
                read.map(Reply::Read).map_err(|why| self.hinted(why))
            }
            Request::Begin { repo, id, begin, session, .. } => {
                let place = place.ok_or_else(|| Refusal::Refused("it was not taken up".to_owned()))?;
                let begun = self.primary(&repo)?.begin(id, begin, session, allowance).await;
                place.keep(begun.map_err(|why| self.hinted(why))?)?;
                Ok(Reply::Begun)
            }
            Request::Step { transaction, statement } => {
                self.step(transaction, statement.into_owned(), allowance).await
            }
            Request::Commit { transaction, stamp } => {
                self.commit(transaction, stamp, allowance.deadline).await
            }
            Request::Rollback { transaction } => self.rollback(transaction, allowance.deadline).await,
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
        allowance: Allowance,
    ) -> BoxFuture<'static, Answer<Data>> {
        let span = tracing::debug_span!("answer", sql = request.text().map(beginning));
        let (request, barred) = match self.bar(request) {
            Ok(passed) => passed,
            Err(refusal) => return future::ready(Err(refusal)).boxed(),
        };
        let (caller, place) = match place.transpose() {
            Ok(place) => (self.caller.clone(), place),
            Err(refusal) => {
                self.caller.refused(&refusal);
                return future::ready(Err(refusal)).boxed();
            }
        };
        let ended = move |answer| match (answer, barred) {
            (Err(Refusal::Absent), Some(why)) => Err(Refusal::NotTaken(why.to_string())),
            (answer, _) => answer,
        };
        let answered =
            self.answer(place, request, allowance).map(ended).inspect(move |answer| match answer {
                Err(refusal) => caller.refused(refusal),
                // Its transaction goes on.
                Ok(Reply::Step(Step { result: Err(error), .. })) => caller.rejected(error),
                Ok(_) => {}
            });
        answered.instrument(span).boxed()
    }

    fn weight(reply: &Reply) -> usize {
        reply.weight()
    }

    fn is_open(&self) -> bool {
        !self.transactions.is_empty()
    }

    fn close(&self) {
        self.transactions.close();
    }
}
