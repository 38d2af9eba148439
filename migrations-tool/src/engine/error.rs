//! Why a plan stopped.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error};
use serde::{Deserialize, Serialize};

use super::{Done, Step};

/// A plan that stopped at one of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The migration, and where its SQL is written; none when the database could not be used at all.
    pub(crate) at: Option<Box<At>>,
    pub(crate) cause: Cause,
    /// What ran before, and is kept.
    pub(crate) done: Vec<Done>,
    /// Nothing of the failed step is left. Otherwise it ran without a transaction.
    pub(crate) rolled_back: bool,
}

/// The step that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) name: String,
    pub(crate) file: String,
    /// Of the statement, counted from 1.
    pub(crate) line: Option<usize>,
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Cause {
    /// In SQLite's words.
    #[error("{0}")]
    Sql(String),
    #[error(
        "{0}: another process holds the database; look which (a shell, a backup, an open transaction), and run this again"
    )]
    Locked(String),
    #[error("{0}; this is no database of SQLite: look at the `database` setting")]
    NotSqlite(String),
    #[error(
        "`{0}` is not possible in a migration that runs in a transaction; take it out, or write `run_in_transaction = \
         false` into its metadata.toml"
    )]
    Control(String),
    #[error(
        "SQLite takes no notice of `{0}` in a transaction, and rows that refer to a table that is dropped would go with \
         it; write it before every other statement, and it takes effect around the transaction"
    )]
    TooLate(String),
    #[error("`{0}` would keep LiteFS from replicating anything; take it out")]
    JournalMode(String),
    #[error(
        "foreign keys are violated after it: {0}; mend the rows, or take the PRAGMA that turns foreign keys off out of \
         its head"
    )]
    ForeignKeys(String),
    #[error("it leaves its transaction open; end it with COMMIT")]
    LeftOpen,
}

impl Cause {
    pub(crate) fn of(error: &Error) -> Self {
        let words = match error {
            Error::DatabaseError(_, information) => information.message().to_owned(),
            other => other.to_string(),
        };
        if words.contains("database is locked") || words.contains("database table is locked") {
            return Self::Locked(words);
        }
        match error {
            Error::DatabaseError(DatabaseErrorKind::Unknown, _) if words.contains("not a database") => {
                Self::NotSqlite(words)
            }
            _ => Self::Sql(words),
        }
    }
}

impl Failure {
    /// Before anything ran, or between steps.
    pub(crate) fn before(error: &Error) -> Self {
        Self { at: None, cause: Cause::of(error), done: Vec::new(), rolled_back: true }
    }

    pub(super) fn at(step: &Step, line: Option<usize>, cause: Cause) -> Self {
        let at = At { name: step.name.clone(), file: step.file.clone(), line };
        Self { at: Some(Box::new(at)), cause, done: Vec::new(), rolled_back: true }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(At { name, file, line }) = self.at.as_deref() else { return write!(f, "{}", self.cause) };
        match line {
            Some(line) => write!(f, "{file}, line {line}: {}", self.cause)?,
            None => write!(f, "{file}: {}", self.cause)?,
        }
        match self.rolled_back {
            true => write!(f, ". {name} was rolled back")?,
            false => write!(
                f,
                ". {name} runs without a transaction: what came before the failed statement is kept, and its version is \
                 not written down"
            )?,
        }
        let mut kept = self.done.iter().filter(|done| done.ran).map(|done| done.name.as_str());
        match kept.next() {
            None => write!(f, "; nothing was changed before it"),
            Some(first) => {
                write!(f, "; kept is what ran before it: {first}")?;
                kept.try_for_each(|name| write!(f, ", {name}"))
            }
        }
    }
}

impl std::error::Error for Failure {}
