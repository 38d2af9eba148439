//! A transaction that is open on the primary, wherever that is: its commit is one write.

use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tracing::Instrument;

use super::asking::{Answered, Asking, position_of};
use super::client::Sequence;
use super::route::moved;
use super::router::{Arrived, Inner};
use crate::error::{Error, NotExecuted};
use crate::litefs::RoleView;
use crate::request::{
    Ask, CommitFailure, CommitRefusal, OpenTransaction, Refusal, Stamp, Step, Terms, Transaction, Written,
};
use crate::runtime::in_runtime;
use crate::shortened::beginning;
use crate::statement::{Session, Statement};

/// What the caller holds.
pub(super) struct RoutedTransaction {
    pub(super) router: Arc<Inner>,
    /// Its commit goes under this.
    pub(super) sequence: Sequence,
    pub(super) open: Box<dyn OpenTransaction>,
    /// The primary's host name; `None` for this node.
    pub(super) primary: Option<String>,
    /// The role's epoch at its begin.
    pub(super) epoch: u64,
    /// The role as of then, and what becomes of it.
    pub(super) roles: watch::Receiver<RoleView>,
}

impl RoutedTransaction {
    fn name(&self) -> &str {
        self.primary.as_deref().unwrap_or("this node")
    }

    async fn finish(self: Box<Self>, terms: Terms) -> Result<Written, CommitFailure> {
        let terms = self.router.bounded(terms);
        self.router.admit(terms.ack).map_err(CommitFailure::Ended)?;
        let Self { router, sequence, open, primary, epoch, roles } = *self;
        let (id, forgotten) = (sequence.id(), sequence.forgotten());
        let stamp = Stamp { id, hash: 0, forgotten, again: false };
        let committed = tokio::select! {
            biased;
            committed = open.commit(stamp, terms.deadline) => committed,
            () = moved(roles.clone(), primary.as_deref()) => {
                Err(CommitRefusal::Ended(Refusal::Unknown("the primary changed while its COMMIT ran".into())))
            }
        };
        let ended = match committed {
            Ok(written) => {
                let answered = Answered { result: Ok(written), epoch, primary };
                settled(&router, sequence, Some(answered), String::new(), terms).await
            }
            // Committed all the same.
            Err(CommitRefusal::Ended(done @ (Refusal::NotDecoded { .. } | Refusal::NotKept { .. }))) => {
                let error = done.into_error(primary.as_deref().unwrap_or("this node"));
                let answered = Answered { result: Err(error), epoch, primary };
                settled(&router, sequence, Some(answered), String::new(), terms).await
            }
            Err(CommitRefusal::StillOpen(open, said)) => {
                let back = Box::new(Self { router, sequence, open, primary, epoch, roles });
                return Err(CommitFailure::StillOpen(back, said));
            }
            Err(CommitRefusal::Ended(Refusal::Unknown(why))) => {
                settled(&router, sequence, None, why, terms).await
            }
            Err(CommitRefusal::Ended(refusal)) => {
                Err(gone(primary.as_deref().unwrap_or("this node"), refusal))
            }
        };
        ended.map_err(CommitFailure::Ended)
    }
}

/// What became of a commit: it cannot be made again, only looked for. `answered` is what its primary
/// said; without that, `why` is the reason.
async fn settled(
    router: &Inner,
    sequence: Sequence,
    answered: Option<Answered>,
    mut why: String,
    terms: Terms,
) -> Result<Written, Error> {
    let mut committed = None;
    let mut next = answered;
    let mut asking = Asking::new(router, &sequence, 0, Ask::Settle, terms);
    loop {
        if let Some(answered) = next.take() {
            let epoch = answered.epoch;
            match router.arrive(answered, &sequence, terms).await {
                Arrived::There(result) => {
                    let ask = asking.into_ask();
                    router.remember(sequence, ask, &result, terms.ack, epoch);
                    return result;
                }
                Arrived::Doubtful { result, why: doubt } => {
                    committed = Some(position_of(&result));
                    why = doubt;
                }
            }
        }
        asking.doubt(why.clone());
        next = asking.answer().await?;
        if next.is_none() {
            return Err(match committed {
                Some(position) => Error::Lost { position },
                None => Error::NotExecuted(NotExecuted::TransactionEnded(why)),
            });
        }
    }
}

/// What a refusal is for a transaction that is gone with it.
fn gone(name: &str, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Rejected(_)
        | Refusal::NotKept { .. }
        | Refusal::NotDecoded { .. }
        | Refusal::TooLarge(_) => refusal.into_error(name),
        Refusal::TransactionEnded(why) => {
            Error::NotExecuted(NotExecuted::TransactionEnded(format!("{name}: {why}")))
        }
        refusal => {
            let why = refusal.into_error(name);
            Error::NotExecuted(NotExecuted::TransactionEnded(why.to_string()))
        }
    }
}

impl Transaction for RoutedTransaction {
    fn run(&mut self, statement: Statement, deadline: Instant) -> BoxFuture<'_, Result<Step, Error>> {
        let span = tracing::debug_span!("step", id = %self.sequence.id(), sql = beginning(&statement.sql));
        let runtime = self.router.runtime().clone();
        let (primary, roles) = (self.primary.clone(), self.roles.clone());
        let step = self.open.run(statement, deadline.into());
        let step = async move {
            let name = primary.as_deref().unwrap_or("this node");
            let stepped = tokio::select! {
                biased;
                stepped = step => stepped,
                () = moved(roles, primary.as_deref()) => {
                    Err(Refusal::TransactionEnded("it is not primary any more".to_owned()))
                }
            };
            stepped.map_err(|refusal| gone(name, refusal))
        };
        in_runtime(runtime, step.instrument(span)).boxed()
    }

    fn commit(self: Box<Self>, terms: Terms) -> BoxFuture<'static, Result<Written, CommitFailure>> {
        let span = tracing::debug_span!("commit", id = %self.sequence.id());
        in_runtime(self.router.runtime().clone(), self.finish(terms).instrument(span)).boxed()
    }

    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Error>> {
        let span = tracing::debug_span!("rollback", id = %self.sequence.id());
        let (runtime, name) = (self.router.runtime().clone(), self.name().to_owned());
        let rolled_back = async move {
            let Self { open, sequence, .. } = *self;
            let session = open.rollback(deadline).await.map_err(|refusal| gone(&name, refusal));
            drop(sequence); // only now: it was open until then
            session
        };
        in_runtime(runtime, rolled_back.instrument(span)).boxed()
    }
}
