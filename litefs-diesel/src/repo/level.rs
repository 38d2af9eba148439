//! How fresh a read must be.

use std::time::Duration;

use crate::position::Position;

/// How fresh a read must be, and so where it runs.
///
/// ```
/// # use litefs_diesel::ReadLevel;
/// assert_eq!(ReadLevel::default(), ReadLevel::Local);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadLevel {
    /// What this node's file holds now (the default). On a replica it may lag; what this node
    /// wrote itself and waited for ([`Ack::Visible`](crate::Ack::Visible)) is in it.
    #[default]
    Local,
    /// This node's file, once it holds the write at this position: waits until the call's
    /// deadline, then [`Error::ReadTimeout`](crate::Error::ReadTimeout). The position comes from
    /// [`RepoHandle::position`](crate::RepoHandle::position) or a write's
    /// [`with_position`](crate::repo::Write::with_position), of this node or another.
    AtLeast(Position),
    /// This node's file when it is at most this far behind the primary, by LiteFS's own measure
    /// (whose heartbeat is one second, so that less than a second asks for the primary most of the
    /// time); else the primary.
    MaxLag(Duration),
    /// The primary's file: one round trip on a replica. The whole result is in memory on both
    /// nodes, [`RepoHandle::stream`](crate::RepoHandle::stream)'s too.
    Primary,
}
