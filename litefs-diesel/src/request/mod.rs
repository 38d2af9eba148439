//! A write request, and the traits through which it reaches the primary.
//!
//! [`Primary`] is what `connection` and `repo` see: a write goes in, its outcome comes out, wherever
//! the primary is and whatever happens on the way. `forward` implements it. [`Executor`] is one
//! attempt at one node: `writer` implements it for the node's own database, and says in a
//! [`Refusal`] why it did not do it.
//!
//! This room never does anything: it is the seam.

mod allowance;
mod executor;
mod migrate;
mod procedure;
mod refusal;
mod sizes;
mod stamp;

pub(crate) use allowance::{Allowance, Held};
pub(crate) use executor::{CommitRefusal, Executor, OpenTransaction};
pub(crate) use procedure::{ProcedureCall, Procedures, Reply, Run};
pub(crate) use refusal::Refusal;
pub(crate) use sizes::Sizes;
pub(crate) use stamp::{Key, RequestId, Stamp};

use std::time::Instant;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::error::{DatabaseError, Error};
use crate::migrate::Plan;
use crate::position::Position;
use crate::statement::{Outcome, Session, Statement};

/// What a caller wants done in one transaction on the primary, all or nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) work: Work,
    /// What it has to do with what the asking connection holds.
    pub(crate) session: SessionUse,
    /// Runs outside any transaction, with nothing beside it and no entry in the ledger: `VACUUM`, and
    /// migrations.
    pub(crate) alone: bool,
    /// The application's own name for it.
    pub(crate) key: Option<Key>,
}

/// What a write does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Work {
    Statements(Vec<Statement>),
    Call(ProcedureCall),
    /// Each step of it is a transaction of its own, and done once by its row in Diesel's table.
    Migrate(Plan),
}

impl Write {
    /// Statements in one transaction, of no connection.
    pub(crate) fn of(statements: Vec<Statement>) -> Self {
        Self { work: Work::Statements(statements), session: SessionUse::None, alone: false, key: None }
    }

    /// Its statements; a procedure has none that are known here, and a migration's are not values.
    pub(crate) fn statements(&self) -> &[Statement] {
        match &self.work {
            Work::Statements(statements) => statements,
            Work::Call(_) | Work::Migrate(_) => &[],
        }
    }

    /// Whether a second attempt does nothing that the first one did, without any entry in the ledger.
    pub(crate) fn may_be_repeated(&self) -> bool {
        matches!(&self.work, Work::Migrate(plan) if plan.may_be_repeated())
    }

    /// What it is, for traces and people: the text of its first statement, the name of the procedure or
    /// of the first migration, and never a value.
    pub(crate) fn text(&self) -> &str {
        match &self.work {
            Work::Statements(statements) => statements.first().map_or("", |statement| &statement.sql),
            Work::Call(call) => &call.name,
            Work::Migrate(plan) => plan.steps.first().map_or("", |step| &step.name),
        }
    }
}

/// One attempt at a write, or a question about one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WriteRequest {
    pub(crate) stamp: Stamp,
    pub(crate) ask: Ask,
}

/// What the writer is to do under a stamp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Run it, unless the ledger has it.
    Run(Write),
    /// Make the client known, whose writes up to `stamp.forgotten` are over. `ticket` is what
    /// [`Refusal::UnknownClient`] gave: an old one registers nobody.
    Register { ticket: u64 },
    /// End it: the stored result when the ledger has it; else [`Refusal::Absent`], and from then on
    /// no attempt at it runs. Ends an open transaction of that id first.
    Settle,
    /// Only look: the stored result, or [`Refusal::Absent`].
    Look,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// One for each statement.
    pub(crate) outcomes: Vec<Outcome>,
    /// What a procedure gave, or how a plan ended; see [`Reply`].
    pub(crate) reply: Option<Reply>,
    pub(crate) session: Session,
    /// Where the commit is, of a plan the last one; [`Position::ZERO`] on a node that is alone, and when
    /// nothing was committed: a procedure gave its own error.
    pub(crate) position: Position,
}

impl Written {
    /// How many bytes its results take in memory, about.
    pub(crate) fn weight(&self) -> usize {
        let reply = self.reply.as_ref().map_or(0, |reply| reply.bytes().len());
        reply + self.outcomes.iter().map(Outcome::weight).sum::<usize>()
    }
}

/// When a write returns, and so what its value is worth.
///
/// LiteFS gives the lease to whichever candidate asks first, also to one that lags, and drops what
/// the others had more. So only `Everywhere` survives any single failover.
///
/// ```
/// # use litefs_diesel::Ack;
/// assert_eq!(Ack::default(), Ack::Visible);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ack {
    /// As soon as the primary has committed it. A read on this node may not see it yet. The loss of
    /// the primary before it replicated loses the write.
    Committed,
    /// When this node can read it back (the default). On a replica, the write is then on two nodes
    /// at least; it is lost when the primary fails and a node without it is elected.
    #[default]
    Visible,
    /// When this node can read it back, and so many nodes besides the primary have it, this one counted.
    /// Survives a failover when one of them is elected. Needs the setting `cluster.nodes`.
    Replicated(usize),
    /// When every node that may become primary has it: survives any single failover. A known node
    /// that is down ends such a write as `NotExecuted` before it runs. Needs `cluster.nodes`.
    Everywhere,
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
    pub(crate) result: Result<Outcome, DatabaseError>,
    pub(crate) session: Session,
    /// `false` when the statement ended the transaction by itself (`ON CONFLICT ROLLBACK`).
    pub(crate) open: bool,
}

/// The primary, wherever it is.
pub(crate) trait Primary: Send + Sync + 'static {
    /// Runs a write to its outcome, by its deadline.
    fn write(&self, write: Write, terms: Terms) -> BoxFuture<'static, Result<Written, Error>>;

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
    StillOpen(Box<dyn Transaction>, DatabaseError),
    /// It has ended with this outcome.
    Ended(Error),
}
