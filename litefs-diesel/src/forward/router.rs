//! The primary, wherever it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::Instrument;

use super::asking::{Answered, Asking, position_of};
use super::attempt::Missed;
use super::client::{LedgerClient, Sequence};
use super::hash::hash;
use super::lost;
use super::peers::Peers;
use super::remembered::Remembered;
use super::route::Route;
use super::transaction::RoutedTransaction;
use super::visibility::{NotVisible, Visibility};
use crate::config::LostSettings;
use crate::error::{CommittedValue, Error, NotExecuted};
use crate::ledger::Recall;
use crate::litefs::RoleView;
use crate::members::NotReplicated;
use crate::position::Position;
use crate::request::{Ack, Ask, Begin, Executor, Primary, Refusal, Terms, Transaction, Write, Written};
use crate::runtime::in_runtime;
use crate::shortened::beginning;
use crate::statement::{Outcome, Session, Statement};

/// The primary of one repo, for those who do not care where it is: the local writer while this
/// node is primary, and else the node that is.
pub(crate) struct Router {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) repo: String,
    pub(super) local: Arc<dyn Executor>,
    roles: watch::Receiver<RoleView>,
    pub(super) peers: Arc<Peers>,
    pub(super) visibility: Arc<dyn Visibility>,
    /// Names the writes of this process.
    pub(super) client: Arc<LedgerClient>,
    /// Those that were acknowledged.
    pub(super) remembered: Remembered,
    /// Numbers the transactions, on whatever connection they are.
    next_transaction: AtomicU64,
    keep: Duration,
}

/// What a router is made of.
pub(crate) struct RouterParts {
    /// The name under which other nodes serve it.
    pub(crate) repo: String,
    /// Says that it is not primary when it is asked while this node is not.
    pub(crate) local: Arc<dyn Executor>,
    /// What LiteFS says.
    pub(crate) roles: watch::Receiver<RoleView>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) visibility: Arc<dyn Visibility>,
    /// The random number of this process start.
    pub(crate) process: u128,
    /// What is done about acknowledged writes that a failover drops.
    pub(crate) lost: LostSettings,
    /// For how long the ledger remembers a client: no call takes longer.
    pub(crate) keep: Duration,
}

impl Router {
    /// What it returns runs on any executor: the timers are those of the runtime of `peers`.
    pub(crate) fn new(parts: RouterParts) -> Self {
        let RouterParts { repo, local, roles, peers, visibility, process, lost, keep } = parts;
        let next_transaction = AtomicU64::new(1);
        let (client, remembered) = (LedgerClient::new(process), Remembered::new(&repo, lost));
        let watched = roles.clone();
        let inner = Arc::new(Inner {
            repo,
            local,
            roles,
            peers,
            visibility,
            client,
            remembered,
            next_transaction,
            keep,
        });
        inner.peers.spawn(lost::watch(Arc::downgrade(&inner), watched));
        Self { inner }
    }

    fn run<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
        span: tracing::Span,
    ) -> BoxFuture<'static, T> {
        in_runtime(self.inner.runtime().clone(), call.instrument(span)).boxed()
    }
}

impl Primary for Router {
    fn write(&self, write: Write, terms: Terms) -> BoxFuture<'static, Result<Written, Error>> {
        // The text, but never a value.
        let sql = beginning(write.text());
        let statements = write.statements().len();
        let span = tracing::debug_span!(
            "write",
            repo = self.inner.repo,
            sql,
            statements,
            id = tracing::field::Empty
        );
        let inner = Arc::clone(&self.inner);
        let terms = inner.bounded(terms);
        self.run(async move { inner.write(write, terms).await.map_err(|error| inner.explain(error)) }, span)
    }

    fn read(&self, statement: Statement, terms: Terms) -> BoxFuture<'static, Result<Outcome, Error>> {
        let span = tracing::debug_span!("read", repo = self.inner.repo, sql = beginning(&statement.sql));
        let inner = Arc::clone(&self.inner);
        self.run(
            async move { inner.read(statement, terms).await.map_err(|error| inner.explain(error)) },
            span,
        )
    }

    fn begin(
        &self,
        begin: Begin,
        session: Session,
        terms: Terms,
    ) -> BoxFuture<'static, Result<Box<dyn Transaction>, Error>> {
        let span = tracing::debug_span!("begin", repo = self.inner.repo);
        let inner = Arc::clone(&self.inner);
        let begun = async move {
            let begun = Arc::clone(&inner).begin(begin, session, terms).await;
            begun.map_err(|error| inner.explain(error))
        };
        self.run(begun, span)
    }
}

impl Inner {
    pub(super) fn runtime(&self) -> &Handle {
        self.peers.runtime()
    }

    pub(super) fn route(&self, deadline: Instant) -> Route<'_> {
        Route::new(&self.peers, self.roles.clone(), deadline)
    }

    pub(super) fn next_transaction(&self) -> u64 {
        self.next_transaction.fetch_add(1, Ordering::Relaxed)
    }

    /// The terms of a write that begins now: a later attempt than the ledger remembers this client would
    /// find it forgotten, and run it again.
    pub(super) fn bounded(&self, terms: Terms) -> Terms {
        Terms { deadline: terms.deadline.min(Instant::now() + self.keep), ..terms }
    }

    /// That there is no primary is only half of it while LiteFS on this node does not answer.
    fn explain(&self, error: Error) -> Error {
        match (error, self.visibility.trouble()) {
            (Error::NotExecuted(NotExecuted::NoLeader), Some(why)) => {
                Error::NotExecuted(NotExecuted::LitefsDown(why))
            }
            (error, _) => error,
        }
    }

    async fn write(&self, write: Write, terms: Terms) -> Result<Written, Error> {
        let sequence = self.client.begin();
        tracing::Span::current().record("id", tracing::field::display(sequence.id()));
        tracing::debug!("captured");
        self.admit(terms.ack)?;
        let mut asking = Asking::new(self, &sequence, hash(&write), Ask::Run(write), terms);
        loop {
            let Some(answered) = asking.answer().await? else {
                return Err(Refusal::Absent.into_error("the primary"));
            };
            let epoch = answered.epoch;
            match self.arrive(answered, &sequence, terms).await {
                Arrived::There(result) => {
                    let ask = asking.into_ask();
                    self.remember(sequence, ask, &result, terms.ack, epoch);
                    return result;
                }
                // Of a procedure that ended its transaction by itself a part may stand without its entry:
                // asked again, that could be done twice. It is looked up like what had returned.
                Arrived::Doubtful { result: told @ Err(Error::CommittedNotDecoded { .. }), .. } => {
                    let ask = asking.into_ask();
                    self.remember(sequence, ask, &told, terms.ack, epoch);
                    return told;
                }
                // Reverting what was applied again meanwhile would be another thing than was asked for.
                Arrived::Doubtful { why, .. } if !asking.may_ask_again() => {
                    return Err(Error::Unknown { why });
                }
                Arrived::Doubtful { why, .. } => asking.doubt(why),
            }
        }
    }

    /// Remembers a write of which the caller is told that it is committed, while that is not sure to
    /// last.
    pub(super) fn remember(
        &self,
        sequence: Sequence,
        ask: Ask,
        told: &Result<Written, Error>,
        ack: Ack,
        epoch: u64,
    ) {
        let position = position_of(told);
        if told.is_ok() && ack == Ack::Everywhere || position == Position::ZERO || is_alone(&ask) {
            return;
        }
        match told {
            // As above: it is only told.
            Err(Error::CommittedNotDecoded { .. }) => {
                self.remembered.add_to_tell(sequence, &ask, position, epoch)
            }
            _ => self.remembered.add(sequence, ask, position, epoch),
        }
    }

    /// Whether a write of that level may begin, and that its position will be waited for.
    pub(super) fn admit(&self, ack: Ack) -> Result<(), Error> {
        self.visibility.admits(ack).map_err(Error::NotExecuted)
    }

    async fn read(&self, statement: Statement, terms: Terms) -> Result<Outcome, Error> {
        let mut route = self.route(terms.deadline);
        loop {
            let target = route.next().await?;
            let attempt = self.attempt_read(&target, &statement, terms.deadline);
            let missed = match route.attempt(&target, attempt).await {
                Ok(outcome) => return Ok(outcome),
                Err(missed) => missed,
            };
            match missed {
                // It only reads: asking again does no harm.
                Missed::Lost(why) if Instant::now() >= terms.deadline => {
                    return Err(Error::ReadTimeout { why });
                }
                missed => route.missed(target.name(), missed).await?,
            }
        }
    }

    async fn begin(
        self: Arc<Self>,
        begin: Begin,
        session: Session,
        terms: Terms,
    ) -> Result<Box<dyn Transaction>, Error> {
        // At its commit it would be too late: all of its statements would have run in vain.
        self.admit(terms.ack)?;
        let sequence = self.client.begin();
        let mut route = self.route(terms.deadline);
        loop {
            let target = route.next().await?;
            let attempt = self.attempt_begin(&target, sequence.id(), begin, session, terms.deadline);
            match route.attempt(&target, attempt).await {
                Ok(opened) => {
                    let (epoch, primary, roles) = (route.epoch(), target.elsewhere(), route.roles());
                    drop(route);
                    let transaction =
                        RoutedTransaction { router: self, sequence, open: opened, primary, epoch, roles };
                    return Ok(Box::new(transaction));
                }
                Err(Missed::Refused(Refusal::UnknownClient { ticket })) => {
                    if let Err(missed) =
                        self.register(&target, &sequence, ticket, false, terms.deadline).await
                    {
                        route.missed(target.name(), missed).await?;
                    }
                }
                // Nothing of it is kept: another may be opened.
                Err(Missed::Lost(_)) if Instant::now() >= terms.deadline => {
                    return Err(Error::NotExecuted(NotExecuted::Expired));
                }
                Err(missed) => route.missed(target.name(), missed).await?,
            }
        }
    }

    /// Waits until a committed write is where its caller wants it.
    pub(super) async fn arrive(&self, answered: Answered, sequence: &Sequence, terms: Terms) -> Arrived {
        let position = answered.position();
        let Answered { result, epoch, primary } = answered;
        tracing::debug!(%position, "committed");
        // Nothing was committed, or there is no LiteFS.
        if terms.ack == Ack::Committed || position == Position::ZERO {
            return Arrived::There(result);
        }
        if primary.is_some() {
            match self.visibility.wait(position, epoch, terms.deadline).await {
                Ok(()) => tracing::debug!(%position, "visible"),
                Err(NotVisible::Yet) => {
                    return Arrived::There(match result {
                        Ok(written) => Err(self.not_here(written, primary, epoch, terms).await),
                        gone => gone,
                    });
                }
                // A primary change can drop what had been committed; the ledger goes with the data.
                Err(NotVisible::HistoryChanged) => match self.recall(sequence, terms.deadline).await {
                    Some(Recall::Present) => tracing::debug!(%position, "in the ledger here"),
                    _ => return Arrived::Doubtful { result, why: dropped(position) },
                },
            }
        }
        if terms.ack == Ack::Visible {
            return Arrived::There(result);
        }
        let replicated = self.visibility.replicated(position, primary, epoch, terms);
        match replicated.await {
            Ok(()) => Arrived::There(result),
            Err(NotReplicated { changed: true, .. }) => Arrived::Doubtful { result, why: dropped(position) },
            Err(short) => Arrived::There(result.and_then(|written| Err(not_replicated(written, short)))),
        }
    }

    /// What the caller is told of a committed write that this node cannot read by the deadline.
    async fn not_here(&self, written: Written, primary: Option<String>, epoch: u64, terms: Terms) -> Error {
        let position = written.position;
        if terms.ack != Ack::Visible {
            // Only a look at who has it: what it was to wait for is in vain.
            let now = Terms { deadline: Instant::now(), ..terms };
            match self.visibility.replicated(position, primary, epoch, now).await {
                // After a change of primary nobody knows by positions who has it.
                Ok(()) | Err(NotReplicated { changed: true, .. }) => {}
                Err(short) => return not_replicated(written, short),
            }
        }
        Error::CommittedNotVisible { position, value: CommittedValue::new(written) }
    }

    async fn recall(&self, sequence: &Sequence, deadline: Instant) -> Option<Recall> {
        self.visibility.recall(vec![sequence.id()], deadline).await?.first().copied()
    }
}

fn not_replicated(written: Written, NotReplicated { have, missing, .. }: NotReplicated) -> Error {
    let position = written.position;
    Error::CommittedNotReplicated { position, have, missing, value: CommittedValue::new(written) }
}

/// What became of a committed write on its way to where its caller wants it.
pub(super) enum Arrived {
    /// This is its outcome.
    There(Result<Written, Error>),
    /// The history that held it may be gone: the ledger of the current primary knows.
    Doubtful { result: Result<Written, Error>, why: String },
}

/// Whether it has no entry in the ledger.
pub(super) fn is_alone(ask: &Ask) -> bool {
    matches!(ask, Ask::Run(Write { alone: true, .. }))
}

fn dropped(position: Position) -> String {
    format!("it was committed at {position}, and then the primary changed, which may have dropped it")
}
