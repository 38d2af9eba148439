//! A Diesel query as values that can travel, and what came of it.
//!
//! [`capture`] turns a query into a [`Statement`], [`execute`] runs one on a `SqliteConnection`,
//! [`replay`] gives the rows that came back to Diesel once more, [`split`] takes a text of several
//! statements apart, [`kind`] asks SQLite what a statement does, [`control`] and [`pragma`] know
//! what `EXPLAIN` cannot tell, [`varying`] marks what differs between two attempts, [`recorder`] takes
//! down what Diesel would run. All that this project knows of Diesel's inside is in this room, so that a
//! release that opens the binds changes one place.
//!
//! This room never decides where a statement runs, and never opens a database file.

pub(crate) mod capture;
pub(crate) mod control;
pub(crate) mod execute;
mod fragment;
pub(crate) mod kind;
pub(crate) mod load;
mod most;
pub(crate) mod pragma;
pub(crate) mod recorder;
pub(crate) mod replay;
pub(crate) mod split;
pub(crate) mod varying;

pub(crate) use self::fragment::{Fixed, Prepared, Worded};
pub(crate) use self::most::Most;
use serde::{Deserialize, Serialize};

use crate::value::Values;

/// One statement, ready to be run anywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) binds: Values,
    /// Whether Diesel may keep it prepared (`is_safe_to_cache_prepared`).
    pub(crate) cacheable: bool,
    pub(crate) want: Want,
}

/// What the caller reads of a statement's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Want {
    /// The number of rows changed: `execute`.
    Count,
    /// The rows that it returns: `load`.
    Rows,
    /// Nothing, and `sql` may hold several statements, without binds: `batch_execute`.
    Batch,
}

/// What a statement gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// What `execute` returns for it.
    pub(crate) count: u64,
    /// For [`Want::Rows`].
    pub(crate) rows: Option<Rows>,
}

/// Rows, all values of the first, then all of the second, and so on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    /// How many rows; not derived from the values, because a row may have no column.
    pub(crate) count: u32,
    pub(crate) values: Values,
}

impl Outcome {
    /// How many bytes it takes in memory, about.
    pub(crate) fn weight(&self) -> usize {
        let of = |rows: &Rows| {
            let columns = rows.columns.iter().map(|name| size_of::<String>() + name.len());
            columns.sum::<usize>() + rows.values.held()
        };
        size_of::<Self>() + self.rows.as_ref().map_or(0, of)
    }
}

/// What a connection holds and the database does not: SQLite's answers to `last_insert_rowid()`
/// and `changes()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) last_insert_rowid: i64,
    pub(crate) changes: i64,
}
