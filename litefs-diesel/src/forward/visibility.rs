//! Waiting until this node can read what was written elsewhere.

use std::time::Instant;

use futures::future::BoxFuture;

use crate::position::Position;

/// This node cannot read that position, or not by the deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotVisible;

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
