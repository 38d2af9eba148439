//! A node: everything that one process needs to serve its databases, put together.
//!
//! [`start`] looks at the settings and at LiteFS before anything is opened, [`served`] builds the
//! two ends of each database, [`view`] says what this node sees to its peers, [`stop`] takes all of
//! it down again. [`tool`] is what the migrations tool asks of a node of its own. This room never runs a statement of the application, and decides nothing about
//! a write: it only joins the rooms below.

mod handle;
mod here;
mod history;
mod nodes;
mod prepare;
mod served;
mod start;
mod stop;
mod tool;
mod view;

#[cfg(test)]
mod tests;

pub use self::handle::{Node, on, position_reads, start};
pub use self::tool::{Arrivals, Elsewhere, Sent, Tenure, everywhere, longest_plan, migrate, tenure};
