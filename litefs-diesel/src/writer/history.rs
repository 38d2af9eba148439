//! What the writer asks of LiteFS.

use std::io;

use crate::position::Position;

/// Whose turn it is to write, and where the history stands.
pub(crate) trait History: Send + Sync + 'static {
    /// The count of role changes while this node is primary and may write; `None` while not. Equal counts
    /// before and after mean that it was primary all the while.
    fn primary_epoch(&self) -> Option<u64>;

    /// Why this node does not write though LiteFS calls it primary, and who is to be asked instead,
    /// when somebody is known: the reason for `None` above, when there is one.
    fn fenced(&self) -> Option<(String, Option<String>)> {
        None
    }

    /// The position that LiteFS shows for the database; [`Position::ZERO`] without LiteFS.
    fn position(&self) -> io::Result<Position>;
}
