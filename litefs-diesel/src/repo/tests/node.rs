//! The real writer, for callers who do not care where it is: it stamps their requests, and knows
//! what this node would know of itself.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::config::RepoSettings;
use crate::error::{CommittedValue, Error};
use crate::litefs::Role;
use crate::position::Position;
use crate::reader::Readers;
use crate::repo::{Health, Here};
use crate::request::{
    Ack, Ask, Begin, CommitFailure, CommitRefusal, Executor, OpenTransaction, Primary, Refusal, RequestId,
    Stamp, Step, Terms, Transaction, Write, WriteRequest, Written,
};
use crate::statement::{Outcome, Session, Statement};
use crate::writer::{History, Writer};

/// The primary, and what this node knows of itself.
pub(super) struct TestNode {
    pub(super) writer: Arc<Writer>,
    history: Arc<TestHistory>,
    sequence: AtomicU64,
    pub(super) writes: AtomicUsize,
    pub(super) reads: AtomicUsize,
    pub(super) waited_for: Mutex<Option<Position>>,
    pub(super) lag: Mutex<Option<Duration>>,
    /// Whether a write's own node sees it by the deadline.
    pub(super) visible: AtomicBool,
    /// What the last write or commit was to wait for.
    pub(super) ack: Arc<Mutex<Option<Ack>>>,
    /// What the next commits end with instead of being made, the last one first.
    pub(super) commits_end: Arc<Mutex<Vec<Error>>>,
    /// Each write as it came.
    pub(super) seen: Mutex<Vec<Write>>,
}

/// Counts the commits: the writer asks for the position after each.
#[derive(Default)]
struct TestHistory(AtomicU64);

impl TestHistory {
    fn at(txid: u64) -> Position {
        Position { txid, checksum: 1 << 63 }
    }
}

impl History for TestHistory {
    fn primary_epoch(&self) -> Option<u64> {
        Some(1)
    }

    fn position(&self) -> io::Result<Position> {
        Ok(Self::at(self.0.fetch_add(1, Ordering::SeqCst) + 1))
    }
}

impl TestNode {
    pub(super) fn start(settings: RepoSettings, readers: &Arc<Readers>) -> Arc<Self> {
        let history = Arc::new(TestHistory::default());
        let writer =
            Writer::start(settings, false, Arc::clone(&history) as _, Arc::clone(readers), Arc::default())
                .unwrap();
        Arc::new(Self {
            writer,
            history,
            sequence: AtomicU64::new(0),
            writes: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            waited_for: Mutex::new(None),
            lag: Mutex::new(Some(Duration::ZERO)),
            visible: AtomicBool::new(true),
            ack: Arc::default(),
            commits_end: Arc::default(),
            seen: Mutex::default(),
        })
    }

    fn stamp(&self) -> Stamp {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        Stamp { id: RequestId { client: 7, sequence }, hash: 0, forgotten: 0, again: false }
    }
}

/// Asks under that stamp; a client that is not known is made known first.
async fn ask(writer: &Writer, stamp: Stamp, ask: Ask, deadline: Instant) -> Result<Written, Refusal> {
    let request = WriteRequest { stamp, ask };
    match writer.write(request.clone(), deadline.into()).await {
        Err(Refusal::UnknownClient { ticket }) => {
            register(writer, stamp, ticket, deadline).await?;
            writer.write(request, deadline.into()).await
        }
        answer => answer,
    }
}

async fn register(writer: &Writer, stamp: Stamp, ticket: u64, deadline: Instant) -> Result<(), Refusal> {
    let request = WriteRequest { stamp, ask: Ask::Register { ticket } };
    writer.write(request, deadline.into()).await.map(drop)
}

fn told(refusal: Refusal) -> Error {
    refusal.into_error("the primary")
}

impl Primary for TestNode {
    fn write(&self, write: Write, terms: Terms) -> BoxFuture<'static, Result<Written, Error>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        *self.ack.lock().unwrap() = Some(terms.ack);
        self.seen.lock().unwrap().push(write.clone());
        let visible = self.visible.load(Ordering::Relaxed);
        let (writer, stamp) = (Arc::clone(&self.writer), self.stamp());
        async move {
            let written = ask(&writer, stamp, Ask::Run(write), terms.deadline).await.map_err(told)?;
            let position = written.position;
            match terms.ack {
                _ if visible => Ok(written),
                Ack::Replicated(_) => Err(Error::CommittedNotReplicated {
                    position,
                    have: vec!["ams".into()],
                    missing: vec!["ord".into()],
                    value: CommittedValue::new(written),
                }),
                _ => Err(Error::CommittedNotVisible { position, value: CommittedValue::new(written) }),
            }
        }
        .boxed()
    }

    fn read(&self, statement: Statement, terms: Terms) -> BoxFuture<'static, Result<Outcome, Error>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let read = self.writer.read(statement, terms.deadline.into());
        async move { read.await.map_err(told) }.boxed()
    }

    fn begin(
        &self,
        begin: Begin,
        session: Session,
        terms: Terms,
    ) -> BoxFuture<'static, Result<Box<dyn Transaction>, Error>> {
        let (writer, stamp) = (Arc::clone(&self.writer), self.stamp());
        let (ends, ack) = (Arc::clone(&self.commits_end), Arc::clone(&self.ack));
        async move {
            let begun = match writer.begin(stamp.id, begin, session, terms.deadline.into()).await {
                Err(Refusal::UnknownClient { ticket }) => {
                    register(&writer, stamp, ticket, terms.deadline).await.map_err(told)?;
                    writer.begin(stamp.id, begin, session, terms.deadline.into()).await
                }
                begun => begun,
            };
            let open = begun.map_err(told)?;
            Ok(Box::new(TestTransaction { open, stamp, ends, ack }) as Box<dyn Transaction>)
        }
        .boxed()
    }
}

struct TestTransaction {
    open: Box<dyn OpenTransaction>,
    stamp: Stamp,
    ends: Arc<Mutex<Vec<Error>>>,
    ack: Arc<Mutex<Option<Ack>>>,
}

impl Transaction for TestTransaction {
    fn run(&mut self, statement: Statement, deadline: Instant) -> BoxFuture<'_, Result<Step, Error>> {
        let step = self.open.run(statement, deadline.into());
        async move { step.await.map_err(told) }.boxed()
    }

    fn commit(self: Box<Self>, terms: Terms) -> BoxFuture<'static, Result<Written, CommitFailure>> {
        let Self { open, stamp, ends, ack } = *self;
        *ack.lock().unwrap() = Some(terms.ack);
        async move {
            if let Some(error) = ends.lock().unwrap().pop() {
                return Err(CommitFailure::Ended(error));
            }
            match open.commit(stamp, terms.deadline).await {
                Ok(written) => Ok(written),
                Err(CommitRefusal::StillOpen(open, said)) => {
                    Err(CommitFailure::StillOpen(Box::new(Self { open, stamp, ends, ack }), said))
                }
                Err(CommitRefusal::Ended(refusal)) => Err(CommitFailure::Ended(told(refusal))),
            }
        }
        .boxed()
    }

    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Error>> {
        let rolled_back = self.open.rollback(deadline);
        async move { rolled_back.await.map_err(told) }.boxed()
    }
}

impl Here for TestNode {
    fn wait(&self, position: Position, _: Instant) -> BoxFuture<'static, Result<(), Error>> {
        *self.waited_for.lock().unwrap() = Some(position);
        let reached = self.history.0.load(Ordering::SeqCst) >= position.txid;
        Box::pin(async move {
            if reached { Ok(()) } else { Err(Error::ReadTimeout { why: "this node is behind".into() }) }
        })
    }

    fn lag(&self) -> Option<Duration> {
        *self.lag.lock().unwrap()
    }

    fn position(&self) -> BoxFuture<'static, Result<Position, Error>> {
        let position = TestHistory::at(self.history.0.load(Ordering::SeqCst));
        Box::pin(async move { Ok(position) })
    }

    fn role(&self) -> Role {
        Role::Primary
    }

    fn roles(&self) -> BoxStream<'static, Role> {
        Box::pin(futures::stream::iter([Role::Primary, Role::NoLeader]))
    }

    fn ready(&self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn health(&self) -> Health {
        Health { role: self.role(), lag: self.lag(), litefs: true, accepting: true }
    }

    fn shutdown(&self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}
