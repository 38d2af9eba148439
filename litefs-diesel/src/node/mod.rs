//! A node: everything that one process needs to serve its databases, put together.
//!
//! [`start`] looks at the settings and at LiteFS before anything is opened, [`served`] builds the
//! two ends of each database, [`view`] says what this node sees to its peers, [`stop`] takes all of
//! it down again. This room never runs a statement of the application, and decides nothing about
//! a write: it only joins the rooms below.

mod handle;
mod here;
mod history;
mod nodes;
mod prepare;
mod served;
mod start;
mod stop;
mod view;

#[cfg(test)]
mod tests;

pub use self::handle::{Node, migrate, on, position_reads, start};
