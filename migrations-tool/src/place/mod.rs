//! Where a plan runs.
//!
//! [`Place`] is the seam: [`here`] runs a plan in this process, on a node that is alone or primary;
//! [`mod@choose`] asks LiteFS which this node is. [`lock`] lets one tool at a time work on the
//! databases of a folder.
//!
//! This room never decides what is to be done, and never reads a migration's files.

mod choose;
mod error;
mod here;
mod lock;

pub(crate) use choose::{Way, choose};
pub(crate) use error::PlaceError;

use litefs_diesel::__tool::{Done, Plan, Step};

/// Runs a plan where the database is written.
pub(crate) trait Place {
    /// Runs it, and returns what came of each step. `tell` is called when a step begins to run.
    /// Blocks until it is done, or the time is over.
    fn run(&mut self, plan: &Plan, tell: &mut dyn FnMut(&Step)) -> Result<Vec<Done>, PlaceError>;

    /// Waits until this node, or with `everywhere` each configured peer, has what was run; what has
    /// not caught up when the time is over, by name.
    fn wait(&mut self, everywhere: bool) -> Result<Vec<String>, PlaceError>;

    /// Lets go of everything. Blocks.
    fn close(self: Box<Self>) -> Result<(), PlaceError>;
}
