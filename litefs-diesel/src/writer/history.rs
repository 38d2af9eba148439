//! What the writer asks of LiteFS.

use std::io;

use crate::position::Position;

/// Whose turn it is to write, and where the history stands.
pub(crate) trait History: Send + Sync + 'static {
    /// The count of role changes while this node is primary; `None` while it is not. Equal counts
    /// before and after mean that it was primary all the while.
    fn primary_epoch(&self) -> Option<u64>;

    /// The position that LiteFS shows for the database; [`Position::ZERO`] without LiteFS.
    fn position(&self) -> io::Result<Position>;
}
