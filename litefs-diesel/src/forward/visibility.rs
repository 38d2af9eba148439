//! Waiting until this node can read what was written elsewhere.

use std::time::Instant;

use futures::future::BoxFuture;

use crate::position::Position;

/// Why this node cannot read a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotVisible {
    /// Not by the deadline, or not while LiteFS does not answer: it may come yet.
    Yet,
    /// The primary changed, and this node's history may be one without it.
    HistoryChanged,
}

/// Who knows what this node can read.
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
