//! Running migrations on a plain `SqliteConnection`, each once.
//!
//! [`plan`] is what is to be done, as plain data that may travel; [`script`] takes a migration's
//! SQL apart and says what it may not hold; [`mod@apply`] runs a plan, in the order of its steps, each in
//! one transaction with its row in Diesel's table; [`keys`] keeps the connection's settings;
//! [`mod@applied`] reads which versions are there.
//!
//! This room never opens a connection, never looks at a file, and knows of no node: it can run in
//! the tool's process as well as in that of the primary's application.

mod applied;
mod apply;
mod error;
mod keys;
mod plan;
mod script;

#[cfg(test)]
mod tests;

pub(crate) use applied::{applied, has_migrations_table};
pub(crate) use apply::apply;
pub(crate) use error::{Cause, Failure};
pub(crate) use plan::{Done, Kind, Plan, Step};
