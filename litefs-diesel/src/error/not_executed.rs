//! Why a call never ran.

use super::Bound;

/// Why a call never ran. All of these are safe to send again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotExecuted {
    /// The primary has as much to do, or holds as much for its callers, as the bound allows: of writes that
    /// wait, of requests, of their bytes, of open transactions. Send less, or later.
    #[error("the primary has all that it may have at once, {0}; send less, or later")]
    Overloaded(Bound),
    /// It is larger than the bound allows: a statement's text, its binds, or the result, with which what
    /// made it is rolled back. It stays too large: send it in parts, ask for less, or raise the setting on every
    /// node.
    #[error(
        "it has more than {0}, and nothing of it is kept; send it in parts, ask for less, or raise the setting"
    )]
    TooLarge(Bound),
    /// No node was primary until the deadline.
    #[error("there was no primary until the deadline")]
    NoLeader,
    /// LiteFS on this node does not answer, so that nobody here knows a primary.
    #[error("LiteFS on this node does not answer, and so no primary is known: {0}")]
    LitefsDown(String),
    /// This node's file cannot be read, as while LiteFS is down: what is to be done with a statement
    /// of a [`LitefsConnection`](crate::LitefsConnection) is asked of it first.
    #[error("this node cannot read its database: {0}")]
    Unreadable(String),
    /// The node that it reached is not the primary, or ceased to be it before the commit.
    #[error("the node that it reached is not the primary")]
    NotPrimary,
    /// The primary could not be reached, and nothing was sent.
    #[error("the primary {primary} could not be reached before the deadline: {why}")]
    Unreachable {
        /// The primary's host name, as LiteFS gives it, or its address.
        primary: String,
        /// What the last attempt said.
        why: String,
    },
    /// The deadline passed before the write's turn came.
    #[error("its deadline passed before its turn came")]
    Expired,
    /// The database was locked by another process for longer than `busy_timeout`.
    #[error("the database was locked by another process for longer than `busy_timeout`: {0}")]
    Busy(String),
    /// This node, or the primary, is shutting down.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// The transaction this belonged to has ended: it was idle or open for too long, its primary
    /// moved, or the connection to it was lost. Nothing of it is kept.
    #[error("the transaction has ended, and nothing of it is kept: {0}")]
    TransactionEnded(String),
    /// The primary cannot or may not run it: it does not serve this repo, or speaks another protocol; or
    /// until the deadline it could not use its database, and no other node became primary.
    #[error("the primary refused it: {0}")]
    Refused(String),
    /// [`Ack::Everywhere`](crate::Ack::Everywhere) or [`Ack::Replicated`](crate::Ack::Replicated) was asked
    /// for, and not all nodes that it needs can take it: this says which, and what to do.
    #[error("the nodes that it is to be on cannot all take it: {0}")]
    NotEverywhere(String),
    /// LiteFS calls the node primary, and it must not write: other nodes know a later one, or (with
    /// `fence = "majority"`) a majority does not confirm it, or its database is empty and another node
    /// has more. This says which, and what to do.
    #[error("the primary does not write: {0}")]
    Fenced(String),
    /// The node has no procedure of that name and version: it runs another release of the
    /// application, or does not list it in `procedures(…)`.
    #[error("{node} has no procedure `{name}` of version {version}")]
    UnknownProcedure {
        /// The procedure's name.
        name: String,
        /// The version that was called.
        version: u32,
        /// The primary.
        node: String,
    },
}
