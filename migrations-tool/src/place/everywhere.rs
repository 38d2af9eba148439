//! After a plan: until the other nodes have it.

use std::time::{Duration, Instant};

use litefs_diesel::__tool::{self as engine, Arrivals, Elsewhere};
use litefs_diesel::Node;

use super::PlaceError;

/// Waits until every node that the settings name has what this node has of the repo's database now; who
/// has not when the time is over, by name. `see` is told at first and at each change. Blocks.
pub(crate) fn everywhere(
    node: &Node,
    repo: &str,
    timeout: Duration,
    see: &mut dyn FnMut(&Arrivals),
) -> Result<Vec<String>, PlaceError> {
    let deadline = Instant::now() + timeout;
    match pollster::block_on(engine::everywhere(node, repo, deadline, see)) {
        Ok(()) => Ok(Vec::new()),
        Err(Elsewhere::Missing(arrivals)) => Ok(arrivals.missing),
        Err(other) => Err(other.into()),
    }
}
