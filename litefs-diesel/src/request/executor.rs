//! One attempt at one node.

use std::time::Instant;

use futures::future::BoxFuture;

use super::{Allowance, Begin, Refusal, RequestId, Stamp, Step, WriteRequest, Written};
use crate::error::DatabaseError;
use crate::statement::{Outcome, Session, Statement};

/// The writer of one database, on the node that is primary: does what it is asked, or says why not.
/// It asks no other node, and waits for nobody to replicate.
pub(crate) trait Executor: Send + Sync + 'static {
    /// Runs a request, unless the ledger has it already.
    fn write(
        &self,
        request: WriteRequest,
        allowance: Allowance,
    ) -> BoxFuture<'static, Result<Written, Refusal>>;

    /// Runs one statement that only reads.
    fn read(
        &self,
        statement: Statement,
        allowance: Allowance,
    ) -> BoxFuture<'static, Result<Outcome, Refusal>>;

    /// Opens a transaction, which will commit under `id`. Until it ends, the writer serves nobody else.
    fn begin(
        &self,
        id: RequestId,
        begin: Begin,
        session: Session,
        allowance: Allowance,
    ) -> BoxFuture<'static, Result<Box<dyn OpenTransaction>, Refusal>>;
}

/// A transaction that is open in the writer. Dropping it rolls it back.
pub(crate) trait OpenTransaction: Send {
    /// Runs one statement in it. `Err` ends the transaction.
    fn run(&mut self, statement: Statement, allowance: Allowance) -> BoxFuture<'_, Result<Step, Refusal>>;

    /// Commits it, with its entry in the ledger. `stamp.id` is the one it was opened with.
    fn commit(
        self: Box<Self>,
        stamp: Stamp,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<Written, CommitRefusal>>;

    /// Rolls it back, and returns when the writer is free again.
    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Refusal>>;
}

/// Why an open transaction did not commit.
pub(crate) enum CommitRefusal {
    /// The database said no, and the transaction is still open.
    StillOpen(Box<dyn OpenTransaction>, DatabaseError),
    Ended(Refusal),
}
