//! The primary, wherever it is.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::Instrument;

use super::peers::Peers;
use super::route::{Route, Target};
use super::transaction::RemoteTransaction;
use super::visibility::{NotVisible, Visibility};
use crate::error::{CommittedValue, Error, NotExecuted};
use crate::litefs::RoleView;
use crate::request::{Ack, Begin, Primary, Terms, Transaction, WriteRequest, Written};
use crate::rpc::Refusal;
use crate::rpc::client::{Client, Failure, Message};
use crate::rpc::data::{Data, Reply, Request};
use crate::runtime::in_runtime;
use crate::statement::{Outcome, Session, Statement};

/// The primary of one repo, for those who do not care where it is: the local writer while this
/// node is primary, and else the node that is.
pub(crate) struct Router {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    repo: String,
    local: Arc<dyn Primary>,
    roles: watch::Receiver<RoleView>,
    peers: Arc<Peers>,
    visibility: Arc<dyn Visibility>,
    /// Numbers the transactions, on whatever connection they are.
    next_transaction: AtomicU64,
}

impl Router {
    /// `repo` is the name under which other nodes serve it; `local` says `NotExecuted::NoLeader`
    /// when it is asked while this node is not primary; `roles` is what LiteFS says.
    ///
    /// What it returns runs on any executor: the timers are those of the runtime of `peers`.
    pub(crate) fn new(
        repo: String,
        local: Arc<dyn Primary>,
        roles: watch::Receiver<RoleView>,
        peers: Arc<Peers>,
        visibility: Arc<dyn Visibility>,
    ) -> Self {
        let next_transaction = AtomicU64::new(1);
        Self { inner: Arc::new(Inner { repo, local, roles, peers, visibility, next_transaction }) }
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
    fn write(&self, request: WriteRequest, terms: Terms) -> BoxFuture<'static, Result<Written, Error>> {
        // The text, but never a value.
        let sql = request.statements.first().map(|statement| beginning(&statement.sql));
        let statements = request.statements.len();
        let span = tracing::debug_span!("write", repo = self.inner.repo, id = ?request.id, sql, statements);
        let inner = Arc::clone(&self.inner);
        self.run(async move { inner.write(request, terms).await.map_err(|error| inner.explain(error)) }, span)
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

/// As much of a text as a span is to show: an import's has a megabyte.
pub(super) fn beginning(sql: &str) -> &str {
    sql.char_indices().nth(200).map_or(sql, |(end, _)| &sql[..end])
}

impl Inner {
    pub(super) fn runtime(&self) -> &Handle {
        self.peers.runtime()
    }

    fn route(&self, deadline: Instant) -> Route<'_> {
        Route::new(&self.peers, self.roles.clone(), deadline)
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

    async fn write(&self, request: WriteRequest, terms: Terms) -> Result<Written, Error> {
        tracing::debug!("captured");
        let mut route = self.route(terms.deadline);
        let mut message = None;
        loop {
            let (peer, client) = match route.next().await? {
                // Copied, because a writer that is not primary any more does not give it back.
                Target::Here => match self.local.write(request.clone(), terms).await {
                    Err(Error::NotExecuted(NotExecuted::NoLeader | NotExecuted::NotPrimary)) => {
                        route.not_primary(None).await?;
                        continue;
                    }
                    done => return done,
                },
                Target::There(peer, client) => (peer, client),
            };
            let message = message.get_or_insert_with(|| {
                Message::new(&Request::Write {
                    repo: Cow::Borrowed(&self.repo),
                    request: Cow::Borrowed(&request),
                })
            });
            tracing::debug!(primary = peer.hostname(), "sending");
            if terms.ack == Ack::Visible {
                self.visibility.expect();
            }
            match self.call(&client, message.clone(), peer.hostname(), &mut route, terms.deadline).await? {
                Called::Answered(Reply::Written(written)) => {
                    return self.visible(written, route.epoch(), terms).await;
                }
                Called::Answered(_) => return Err(unknown("the primary answered something else")),
                Called::Lost(why) => return Err(Error::Unknown { why }),
                Called::Again => {}
            }
        }
    }

    async fn read(&self, statement: Statement, terms: Terms) -> Result<Outcome, Error> {
        let mut route = self.route(terms.deadline);
        loop {
            let (peer, client) = match route.next().await? {
                Target::Here => match self.local.read(statement.clone(), terms).await {
                    Err(Error::NotExecuted(NotExecuted::NoLeader | NotExecuted::NotPrimary)) => {
                        route.not_primary(None).await?;
                        continue;
                    }
                    done => return done,
                },
                Target::There(peer, client) => (peer, client),
            };
            let request =
                Request::Read { repo: Cow::Borrowed(&self.repo), statement: Cow::Borrowed(&statement) };
            let message = Message::new(&request);
            match self.call(&client, message, peer.hostname(), &mut route, terms.deadline).await? {
                Called::Answered(Reply::Read(outcome)) => return Ok(outcome),
                Called::Answered(_) => {
                    let why = "the primary answered something else".into();
                    return Err(Error::NotExecuted(NotExecuted::Refused(why)));
                }
                // It only reads: asking again does no harm.
                Called::Lost(why) if Instant::now() >= terms.deadline => {
                    return Err(Error::ReadTimeout { why });
                }
                Called::Lost(why) => route.again(unreachable(peer.hostname(), why)).await?,
                Called::Again => {}
            }
        }
    }

    async fn begin(
        self: Arc<Self>,
        begin: Begin,
        session: Session,
        terms: Terms,
    ) -> Result<Box<dyn Transaction>, Error> {
        let mut route = self.route(terms.deadline);
        loop {
            let (peer, client) = match route.next().await? {
                Target::Here => match self.local.begin(begin, session, terms).await {
                    Err(Error::NotExecuted(NotExecuted::NoLeader | NotExecuted::NotPrimary)) => {
                        route.not_primary(None).await?;
                        continue;
                    }
                    done => return done,
                },
                Target::There(peer, client) => (peer, client),
            };
            let id = self.next_transaction.fetch_add(1, Ordering::Relaxed);
            // Made before the answer: if nobody waits for it any more, dropping it ends what may
            // have been opened.
            let mut transaction = RemoteTransaction::new(
                Arc::clone(&self),
                Arc::clone(&client),
                Arc::clone(&peer),
                id,
                route.epoch(),
            );
            let request = Request::Begin { repo: Cow::Borrowed(&self.repo), begin, session, transaction: id };
            match self
                .call(&client, Message::new(&request), peer.hostname(), &mut route, terms.deadline)
                .await
            {
                Ok(Called::Answered(Reply::Begun)) => return Ok(Box::new(transaction)),
                Ok(Called::Answered(_)) => {
                    let why = "the primary answered something else".into();
                    return Err(Error::NotExecuted(NotExecuted::Refused(why)));
                }
                // Nothing of it is kept: another may be opened.
                Ok(Called::Lost(why)) => {
                    drop(transaction);
                    let late = Instant::now() >= terms.deadline;
                    let why = if late { NotExecuted::Expired } else { unreachable(peer.hostname(), why) };
                    route.again(why).await?;
                }
                Ok(Called::Again) => transaction.never_opened(),
                Err(error) => {
                    transaction.never_opened();
                    return Err(error);
                }
            }
        }
    }

    /// One attempt at a peer. `Err` is final; after `Again` nothing ran, and the next may be tried.
    async fn call(
        &self,
        client: &Client<Data>,
        message: Message,
        hostname: &str,
        route: &mut Route<'_>,
        deadline: Instant,
    ) -> Result<Called, Error> {
        match client.call(message, deadline).await {
            Ok(reply) => return Ok(Called::Answered(reply)),
            Err(Failure::Lost(why)) => return Ok(Called::Lost(format!("{hostname}: {why}"))),
            Err(Failure::Unsendable(why)) => return Err(Error::NotExecuted(NotExecuted::Refused(why))),
            Err(Failure::NotSent(_)) if Instant::now() >= deadline => {
                return Err(Error::NotExecuted(NotExecuted::Expired));
            }
            Err(Failure::NotSent(why)) => route.again(unreachable(hostname, why)).await?,
            Err(Failure::Refused(Refusal::NotPrimary { hint })) => {
                route.not_primary(hint.filter(|hint| hint != hostname)).await?;
            }
            // Another may be primary soon, or the same again after its restart.
            Err(Failure::Refused(Refusal::ShuttingDown)) => route.again(NotExecuted::ShuttingDown).await?,
            Err(Failure::Refused(refusal)) => return Err(refusal.into_error(hostname)),
        }
        Ok(Called::Again)
    }

    /// Waits until this node can read a write, when its caller wants that.
    pub(super) async fn visible(&self, written: Written, epoch: u64, terms: Terms) -> Result<Written, Error> {
        let position = written.position;
        tracing::debug!(%position, "committed");
        if terms.ack == Ack::Committed {
            return Ok(written);
        }
        match self.visibility.wait(position, epoch, terms.deadline).await {
            Ok(()) => {
                tracing::debug!(%position, "visible");
                Ok(written)
            }
            Err(NotVisible::Yet) => {
                Err(Error::CommittedNotVisible { position, value: CommittedValue::new(written) })
            }
            // A primary change can drop what had been committed.
            Err(NotVisible::HistoryChanged) => Err(unknown(&format!(
                "it was committed at {position}, and then the primary changed; this node's history may be one without it"
            ))),
        }
    }
}

/// What came of one attempt.
enum Called {
    Answered(Reply),
    /// It may have run.
    Lost(String),
    /// It did not run, and may be sent again.
    Again,
}

fn unreachable(hostname: &str, why: String) -> NotExecuted {
    NotExecuted::Unreachable { primary: hostname.to_owned(), why }
}

fn unknown(why: &str) -> Error {
    Error::Unknown { why: why.to_owned() }
}
