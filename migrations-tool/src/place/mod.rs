//! Where a plan runs.
//!
//! [`Place`] is the seam: [`here`] runs a plan in this process, on a node that is alone or primary;
//! [`there`] has it run on the primary, as one request of this process's node; [`mod@choose`] asks LiteFS
//! which this node is. [`everywhere`] waits for the other nodes afterwards.
//!
//! This room never decides what is to be done, and never reads a migration's files.

mod choose;
mod error;
mod everywhere;
mod here;
mod there;

pub(crate) use choose::{Way, choose};
pub(crate) use error::PlaceError;
pub(crate) use everywhere::everywhere;

use litefs_diesel::__tool::{Plan, Sent, Step};
use litefs_diesel::Node;

/// Runs a plan where the database is written.
pub(crate) trait Place {
    /// Runs it, and returns what came of each step when this node can read it, or the time is over.
    /// `tell` is called for each step that ran: when it begins, where that is seen here. Blocks. Keeps
    /// nothing open but the node.
    fn run(&mut self, plan: &Plan, tell: &mut dyn FnMut(&Step)) -> Result<Sent, PlaceError>;

    /// Whether another process runs it, so that nothing is seen of its steps until it has ended.
    fn is_elsewhere(&self) -> bool;

    /// The node of this process.
    fn node(&self) -> &Node;
}
