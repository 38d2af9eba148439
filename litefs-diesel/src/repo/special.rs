//! Statements that do not belong into a write request like any other.

use diesel::result::Error as DieselError;

use crate::statement::Statement;
use crate::statement::kind::makes_temp;
use crate::statement::pragma::{Does, Pragma};
use crate::statement::split::first_statement;

/// A statement that sets what one connection holds, for a method that has no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum Misplaced {
    #[error(
        "`{0}` sets what one connection holds, and the writer's is everybody's: set it in `Config::on_open`, or in the repo's settings"
    )]
    Setting(String),
    #[error("`{0}` cannot run in a transaction, and so not in a batch: run it by `execute`, alone")]
    InBatch(String),
}

/// Whether the statements run outside any transaction (`VACUUM`, `PRAGMA wal_checkpoint`); an
/// error for one that would change the writer's connection for everybody.
pub(super) fn runs_alone(statements: &[Statement]) -> Result<bool, DieselError> {
    let mut alone = false;
    for statement in statements {
        let kind = kind(&statement.sql);
        let misplaced = match kind {
            Kind::Usual => continue,
            Kind::Alone if statements.len() == 1 => {
                alone = true;
                continue;
            }
            Kind::Alone => Misplaced::InBatch(statement.sql.clone()),
            Kind::Setting => Misplaced::Setting(statement.sql.clone()),
        };
        return Err(DieselError::QueryBuilderError(Box::new(misplaced)));
    }
    Ok(alone)
}

enum Kind {
    Usual,
    Alone,
    Setting,
}

fn kind(sql: &str) -> Kind {
    let mut tokens = first_statement(sql);
    let Some(first) = tokens.next() else { return Kind::Usual };
    if first.is("VACUUM") {
        return Kind::Alone;
    }
    if first.is("ATTACH") || first.is("DETACH") {
        return Kind::Setting;
    }
    if first.is("CREATE") {
        return if makes_temp(tokens) { Kind::Setting } else { Kind::Usual };
    }
    if !first.is("PRAGMA") {
        return Kind::Usual;
    }
    match Pragma::parse(sql).map(|pragma| pragma.does()) {
        // What only begins like one is SQLite's to refuse.
        None | Some(Does::Asks | Does::Writes) => Kind::Usual,
        Some(Does::WritesAlone) => Kind::Alone,
        Some(Does::Tunes | Does::ForeignKeys | Does::JournalMode | Does::Founds | Does::Governs) => {
            Kind::Setting
        }
    }
}
