//! The data service: writes, reads on the primary, transactions.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Named, Service};
use crate::error::{Bound, DatabaseError};
use crate::position::Position;
use crate::request::{self, Ask, Begin, Refusal, RequestId, Sizes, Stamp, Step, WriteRequest, Written};
use crate::statement::{Outcome, Session, Statement};

/// The service of the data connection.
pub(crate) enum Data {}

/// What a replica asks of the primary. Borrowed where it is sent, so that a request that is sent
/// again is not copied for it.
///
/// How long an answer waits for other nodes does not travel: the primary answers when it has
/// committed, and the node that asked waits for itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Request<'a> {
    Write {
        repo: Cow<'a, str>,
        request: Cow<'a, WriteRequest>,
    },
    Read {
        repo: Cow<'a, str>,
        statement: Cow<'a, Statement>,
    },
    /// Opens a transaction, which lives no longer than this connection.
    Begin {
        repo: Cow<'a, str>,
        /// What it will commit under.
        id: RequestId,
        begin: Begin,
        session: Session,
        /// Of the caller's choice, never used twice on a connection.
        transaction: u64,
    },
    Step {
        transaction: u64,
        statement: Cow<'a, Statement>,
    },
    Commit {
        transaction: u64,
        stamp: Stamp,
    },
    Rollback {
        transaction: u64,
    },
}

/// What the primary answers, in the order of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Written(Written),
    Read(Outcome),
    Begun,
    Step(Step),
    Committed(Written),
    /// The database refused the commit, and the transaction is still open.
    NotCommitted(DatabaseError),
    RolledBack(Session),
}

impl Request<'_> {
    /// What it does, for traces: the text of its first statement, never a value.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Write { request, .. } => match &request.ask {
                Ask::Run(write) => Some(write.text()),
                Ask::Register { .. } | Ask::Settle | Ask::Look => None,
            },
            Self::Read { statement, .. } | Self::Step { statement, .. } => Some(&statement.sql),
            _ => None,
        }
    }
}

impl Request<'_> {
    /// The bound that a name or a statement of it is over, if one is.
    pub(crate) fn sized(&self, sizes: &Sizes) -> Result<(), Bound> {
        match self {
            Self::Write { repo, request } => sizes.of_name(repo).and_then(|()| sizes.of_write(request)),
            Self::Read { repo, statement } => {
                sizes.of_name(repo).and_then(|()| sizes.of_statement(statement))
            }
            Self::Begin { repo, .. } => sizes.of_name(repo),
            Self::Step { statement, .. } => sizes.of_statement(statement),
            Self::Commit { .. } | Self::Rollback { .. } => Ok(()),
        }
    }
}

impl Reply {
    /// How many bytes its results take in memory, about: on the wire it is no more.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Written(written) | Self::Committed(written) => written.weight(),
            Self::Read(outcome) | Self::Step(Step { result: Ok(outcome), .. }) => outcome.weight(),
            Self::Step(Step { result: Err(error), .. }) | Self::NotCommitted(error) => error.message.len(),
            Self::Begun | Self::RolledBack(_) => 0,
        }
    }

    /// Where the commit is that this reply tells of.
    fn position(&self) -> Option<Position> {
        match self {
            // A procedure's own error: nothing is committed.
            Self::Written(Written { reply: Some(request::Reply::Err(_)), .. }) => None,
            Self::Written(written) | Self::Committed(written) => Some(written.position),
            _ => None,
        }
    }
}

impl Service for Data {
    type Request = Request<'static>;
    type Reply = Reply;

    fn unsendable(reply: &Reply, why: String) -> Refusal {
        let what = format!("the result cannot be sent: {why}");
        match reply.position() {
            Some(position) => Refusal::NotDecoded { position, why: what },
            // Of a step, too: its caller rolls the transaction back, which is still open here.
            None => Refusal::Refused(what),
        }
    }
}

impl Named for Request<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Write { .. } => "write",
            Self::Read { .. } => "read",
            Self::Begin { .. } => "begin",
            Self::Step { .. } => "step",
            Self::Commit { .. } => "commit",
            Self::Rollback { .. } => "rollback",
        }
    }
}
