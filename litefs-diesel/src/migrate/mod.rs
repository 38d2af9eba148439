//! Migrations: what they are, and running them on a plain `SqliteConnection`, each once.
//!
//! [`plan`] is what is to be done, as plain data that travels; [`script`] takes a migration's
//! SQL apart and says what it may not hold; [`mod@apply`] runs a plan, in the order of its steps, each in
//! one transaction with its row in Diesel's table, while a [`watch`] may stop it; [`keys`] keeps the
//! connection's settings; [`mod@applied`] reads which versions are there. [`mod@embedded`] takes the
//! SQL out of migrations that a program carries, with the help of `statement`'s recorder.
//!
//! This room never opens a connection, and knows of no node: it runs in the writer of the primary as
//! well as in the tool's process; a [`lock`] on the database's folder keeps the two apart.

mod applied;
mod apply;
mod embedded;
mod error;
mod keys;
mod lock;
mod plan;
mod script;
mod watch;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use applied::{applied, has_migrations_table};
pub use apply::{apply, check};
pub use embedded::{Embedded, EmbeddedError, embedded};
pub use error::{At, Cause, Failure, Fate};
pub use lock::Lock;
pub use plan::{Done, Kind, Plan, Step};
pub use watch::Watch;

use std::time::Duration;

/// How long migrations may take that name no time of their own: more than another write, because
/// they wait for a leader and for each other while every node boots.
pub const TIMEOUT: Duration = Duration::from_secs(30);
