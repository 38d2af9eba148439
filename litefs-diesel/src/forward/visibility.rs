//! What this node knows of where a write has arrived.

use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::error::NotExecuted;
use crate::ledger::Recall;
use crate::members::NotReplicated;
use crate::position::Position;
use crate::request::{Ack, RequestId, Terms};

/// Why this node cannot read a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotVisible {
    /// Not by the deadline, or not while LiteFS does not answer: it may come yet.
    Yet,
    /// The primary changed, and this node's history may be one without it.
    HistoryChanged,
}

/// Who knows where writes have arrived.
pub(crate) trait Visibility: Send + Sync + 'static {
    /// A write is about to be sent elsewhere whose position will be waited for here.
    fn expect(&self) {}

    /// Returns once this node can read `position`. `epoch` is the role's at the time the write was
    /// sent: a role change since then means that a larger TXID proves nothing.
    fn wait(
        &self,
        position: Position,
        epoch: u64,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<(), NotVisible>>;

    /// Why nothing is known of roles and positions: LiteFS does not answer.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Whether a write that is to be on so many nodes can be begun.
    fn admits(&self, _: Ack) -> Result<(), NotExecuted> {
        Ok(())
    }

    /// Returns once as many nodes have `position` as the level of `terms` says, which `primary` has
    /// committed (its host name; `None` for this node) in the role's `epoch`, all of them on its history.
    fn replicated(
        &self,
        _position: Position,
        _primary: Option<String>,
        _epoch: u64,
        _terms: Terms,
    ) -> BoxFuture<'static, Result<(), NotReplicated>> {
        futures::future::ready(Ok(())).boxed()
    }

    /// Whether every node that may become primary has `position`: then no failover can drop it.
    fn is_everywhere(&self, _: Position) -> bool {
        false
    }

    /// What the ledger in this node's file says of each, all in one snapshot; `None` when the file
    /// cannot be read by the deadline.
    fn recall(&self, _: Vec<RequestId>, _deadline: Instant) -> BoxFuture<'static, Option<Vec<Recall>>> {
        futures::future::ready(None).boxed()
    }
}

impl<F> Visibility for F
where
    F: Fn(Position, u64, Instant) -> BoxFuture<'static, Result<(), NotVisible>> + Send + Sync + 'static,
{
    fn wait(
        &self,
        position: Position,
        epoch: u64,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<(), NotVisible>> {
        self(position, epoch, deadline)
    }
}
