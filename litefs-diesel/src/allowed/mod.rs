//! What SQL may do through the library, on a connection that is everybody's: the primary's writer, and
//! its readers where they serve other nodes.
//!
//! One room has all of it, because Diesel 2.3 has no authorizer, no interrupt and no progress handler: when
//! it has, this is the room that becomes smaller. [`Allowed`] looks at one statement before it runs and, where it
//! defined something, at the schema after it. The words of a statement tell files, TEMP objects and
//! `PRAGMA`s ([`words`], [`pragma`]); where it names what is not its own ([`names`]), or the schema has
//! something that does ([`schema`]), `EXPLAIN` tells what it would write ([`program`]).
//!
//! This room never changes anything, and never looks at the library's own statements, at `on_open` or
//! into a procedure, which are the application's own code.

mod checker;
mod forbidden;
mod names;
mod pragma;
mod program;
mod schema;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use checker::{Allowed, Effect};
pub(crate) use forbidden::{NotAllowed, is_refusal};

use crate::error::DatabaseError;
use crate::statement::{Statement, Want, split};

/// Where a statement is about to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// In a savepoint of a transaction with others.
    Group,
    /// In an open transaction of one connection.
    Transaction,
    /// On the writer, outside of any transaction.
    Alone,
    /// As a part of a migration: the connection is closed after it.
    Migration,
    /// On a read-only connection of the pool.
    Read,
}

/// Why a statement may not run by its words alone; a look at the database may find more.
pub(crate) fn refused_by_words(statement: &Statement, site: Site) -> Option<DatabaseError> {
    let refused = match statement.want {
        // SQLite runs the first statement of a text that is prepared, and no other.
        Want::Count | Want::Rows => words::look(&statement.sql, site).err(),
        Want::Batch => split::split(&statement.sql).iter().find_map(|part| words::look(part.sql, site).err()),
    };
    refused.map(|why| NotAllowed::from(why).into())
}
