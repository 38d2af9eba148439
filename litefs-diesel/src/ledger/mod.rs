//! What was done for whom: the ledger, in tables of the database itself, so that an entry is written
//! in the transaction of its write, replicates with it and is lost with it.
//!
//! [`Ledger`] is the writer's, beside its connection: it answers under `BEGIN IMMEDIATE` whether a
//! write is there already, and writes the entries of a commit, one row for each client
//! ([`tables`]). What it knows of a client it keeps in memory ([`clients`]), for as long as nobody
//! else writes the database, so that a new write costs no query. [`keys`] has the application's own
//! names for writes, [`prune`] takes away what nobody can ask for any more, and [`recall`] is the
//! door for a connection that only reads.
//!
//! This room never begins or ends the writer's transaction, and never decides what an entry means
//! for a caller.

mod clients;
mod clock;
mod entry;
mod keys;
mod pending;
mod prune;
mod ranges;
mod recall;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use entry::Stored;
pub use entry::entries_of;
pub(crate) use keys::KeyFound;
pub(crate) use recall::{Recall, recall};
pub(crate) use writer::{Found, Ledger, Rules};
