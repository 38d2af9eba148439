//! A write request, and the one trait through which it reaches the primary.
//!
//! `writer` implements [`Primary`] for a primary that is here, `forward` for one that is
//! elsewhere; who holds one does not know which it got.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::position::Position;
use crate::statement::{Outcome, Session, Statement};

/// Names a write for all its attempts: who asked (a random number a process start), and its
/// how-manieth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct RequestId {
    pub(crate) client: u128,
    pub(crate) sequence: u64,
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.client >> 96, self.sequence)
    }
}

/// Names the next write of this process.
pub(crate) type Ids = Arc<dyn Fn() -> RequestId + Send + Sync>;

/// Names the writes of one process start, one after the other.
pub(crate) fn ids(client: u128) -> Ids {
    let next = AtomicU64::new(1);
    Arc::new(move || RequestId { client, sequence: next.fetch_add(1, Ordering::Relaxed) })
}

/// Statements that run in one transaction on the primary, all or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WriteRequest {
    pub(crate) id: RequestId,
    pub(crate) statements: Vec<Statement>,
    /// What it has to do with what the asking connection holds.
    pub(crate) session: SessionUse,
    /// Runs outside any transaction, with nothing beside it: `VACUUM`.
    pub(crate) alone: bool,
}

/// What a write request has to do with `last_insert_rowid()` and `changes()` of its connection.
/// Each step more costs the writer a statement or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SessionUse {
    /// There is no connection that holds any: [`Written::session`] says nothing.
    #[default]
    None,
    /// The connection wants to know what they are afterwards.
    Told,
    /// The statements ask for them, too: they are brought along.
    Brought(Session),
}

impl SessionUse {
    /// What the statements are to find.
    pub(crate) fn brought(self) -> Option<Session> {
        match self {
            Self::Brought(session) => Some(session),
            Self::None | Self::Told => None,
        }
    }
}

/// What a committed write request gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// One for each statement.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) session: Session,
    /// Where the commit is; [`Position::ZERO`] on a node that is alone.
    pub(crate) position: Position,
}

/// When a write returns.
///
/// ```
/// # use litefs_diesel::Ack;
/// assert_eq!(Ack::default(), Ack::Visible);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ack {
    /// As soon as the primary has committed it. A read on this node may not see it yet.
    Committed,
    /// When this node can read it back (the default).
    #[default]
    Visible,
}

/// How long a call may take, and when it returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) deadline: Instant,
    pub(crate) ack: Ack,
}

/// How a transaction begins. All of them hold the writer until they end: there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Begin {
    /// `BEGIN` and `BEGIN IMMEDIATE`: the writer's is always immediate.
    Immediate,
    /// `BEGIN EXCLUSIVE`.
    Exclusive,
}

/// What ran on the primary within an open transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// What the statement gave, or what the database said.
    pub(crate) result: Result<Outcome, crate::error::DatabaseError>,
    pub(crate) session: Session,
    /// `false` when the statement ended the transaction by itself (`ON CONFLICT ROLLBACK`).
    pub(crate) open: bool,
}

/// The node on which writes run, wherever it is.
pub(crate) trait Primary: Send + Sync + 'static {
    /// Runs a request to its outcome, by its deadline.
    fn write(&self, request: WriteRequest, terms: Terms) -> BoxFuture<'static, Result<Written, Error>>;

    /// Runs one statement that only reads on the primary.
    fn read(&self, statement: Statement, terms: Terms) -> BoxFuture<'static, Result<Outcome, Error>>;

    /// Opens a transaction on the primary. Until it ends, the writer serves nobody else.
    fn begin(
        &self,
        begin: Begin,
        session: Session,
        terms: Terms,
    ) -> BoxFuture<'static, Result<Box<dyn Transaction>, Error>>;
}

/// A transaction that is open on the primary. Dropping it rolls it back.
pub(crate) trait Transaction: Send {
    /// Runs one statement in it. `Err` is an outcome other than what the database said, and ends
    /// the transaction.
    fn run(&mut self, statement: Statement, deadline: Instant) -> BoxFuture<'_, Result<Step, Error>>;

    /// Commits it. A commit that the database refuses while the transaction stays open (a
    /// deferred foreign key, a lock) gives it back with what the database said.
    fn commit(self: Box<Self>, terms: Terms) -> BoxFuture<'static, Result<Written, CommitFailure>>;

    /// Rolls it back, and returns when the writer is free again.
    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Error>>;
}

/// Why a transaction did not commit.
pub(crate) enum CommitFailure {
    /// The database said no, and the transaction is still open.
    StillOpen(Box<dyn Transaction>, crate::error::DatabaseError),
    /// It has ended with this outcome.
    Ended(Error),
}
