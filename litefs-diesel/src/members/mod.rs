//! What the nodes of a cluster tell each other, and what is decided from it.
//!
//! [`store`] has the latest view of each node ([`member`]), as it came over the control connections,
//! and this node's own; [`expected`] the nodes that the settings name. Decided from it: where a write
//! has arrived and whether it may begin ([`levels`]); who says who is primary since when ([`claims`]),
//! and so whether this node may write while it is primary ([`fence`]); whether another node has more
//! of a database ([`behind`]).
//!
//! This room never opens a connection or a file, and never asks anybody: what it knows was brought.

mod behind;
mod claims;
mod expected;
mod fence;
mod levels;
mod member;
mod store;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use expected::Expected;
pub(crate) use fence::Fenced;
pub(crate) use levels::{Awaited, NotReplicated};
pub(crate) use store::{Members, MembersConfig, Way};

/// How often a view is told that has not changed. Three of them fit into the shortest
/// `fence_timeout`, so that one may be late and one lost.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(500);

/// A node that was not heard for so long is not known to be up: three heartbeats.
pub(crate) const FRESH: Duration = Duration::from_millis(1500);
