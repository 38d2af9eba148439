//! Statements that do not belong into a write request like any other.

use diesel::result::Error as DieselError;

use crate::statement::Statement;
use crate::statement::pragma::{Does, Pragma};
use crate::statement::split::first_statement;

/// A statement that no transaction may have, among others.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot run in a transaction, and so not in a batch: run it by `execute`, alone")]
struct InBatch(String);

/// Whether the statements run outside any transaction (`VACUUM`, `PRAGMA wal_checkpoint`). What may not
/// run at all is the primary's to refuse.
pub(super) fn runs_alone(statements: &[Statement]) -> Result<bool, DieselError> {
    match (statements, statements.iter().find(|statement| is_alone(&statement.sql))) {
        (_, None) => Ok(false),
        ([_], Some(_)) => Ok(true),
        (_, Some(among)) => Err(DieselError::QueryBuilderError(Box::new(InBatch(among.sql.clone())))),
    }
}

fn is_alone(sql: &str) -> bool {
    first_statement(sql).next().is_some_and(|first| first.is("VACUUM"))
        || Pragma::parse(sql).is_some_and(|pragma| pragma.does() == Does::WritesAlone)
}
