//! What a method took from its arguments: the traits of this room give it, and nobody else can
//! look inside.

use std::fmt;

use diesel::result::QueryResult;

use crate::statement::Statement;
use crate::statement::capture::Collected;

/// A query that reads, or why it could not be taken apart.
#[doc(hidden)]
pub struct TakenQuery(pub(crate) QueryResult<Collected>);

/// Statements that write, or why they could not be taken apart.
#[doc(hidden)]
pub struct TakenWrite(pub(crate) QueryResult<Vec<Statement>>);

impl TakenWrite {
    pub(crate) fn one(statement: QueryResult<Statement>) -> Self {
        Self(statement.map(|statement| vec![statement]))
    }
}

impl fmt::Debug for TakenQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TakenQuery")
    }
}

impl fmt::Debug for TakenWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TakenWrite")
    }
}
