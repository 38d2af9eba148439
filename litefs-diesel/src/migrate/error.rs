//! Why a plan stopped.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error};
use serde::{Deserialize, Serialize};

use super::{Done, Step};

/// A plan that stopped at one of its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The migration, and where its SQL is written; none when the database could not be used at all.
    pub at: Option<Box<At>>,
    /// What was wrong.
    pub cause: Cause,
    /// What was done before, and is kept.
    pub done: Vec<Done>,
    /// What became of the step itself.
    pub fate: Fate,
}

/// What became of the step at which a plan stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// Nothing of it is left.
    RolledBack,
    /// It ran without a transaction: what came before the failed statement is kept.
    Partly,
    /// Its turn did not come.
    NotRun,
    /// Nobody can tell whether it is kept.
    Unknown,
}

/// The step that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// The migration's name.
    pub name: String,
    /// Where its SQL is written.
    pub file: String,
    /// Of the statement, counted from 1.
    pub line: Option<usize>,
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// In SQLite's words.
    #[error("{0}")]
    Sql(String),
    /// Somebody else held SQLite's lock for too long.
    #[error(
        "{0}: another process holds the database; look which (a shell, a backup, an open transaction), and run this again"
    )]
    Locked(String),
    /// The file is something else.
    #[error("{0}; this is no database of SQLite: look at the `database` setting")]
    NotSqlite(String),
    /// It begins or ends a transaction within its own.
    #[error(
        "`{0}` is not possible in a migration that runs in a transaction; take it out, or write `run_in_transaction = \
         false` into its metadata.toml"
    )]
    Control(String),
    /// `PRAGMA foreign_keys = OFF` where SQLite ignores it.
    #[error(
        "SQLite takes no notice of `{0}` in a transaction, and rows that refer to a table that is dropped would go with \
         it; write it before every other statement, and it takes effect around the transaction"
    )]
    TooLate(String),
    /// A journal mode that LiteFS does not see.
    #[error("`{0}` would keep LiteFS from replicating anything; take it out")]
    JournalMode(String),
    /// Rows refer to what is not there, after a migration that turned the check off.
    #[error(
        "foreign keys are violated after it: {0}; mend the rows, or take the PRAGMA that turns foreign keys off out of \
         its head"
    )]
    ForeignKeys(String),
    /// One without a transaction of ours began one and did not end it.
    #[error("it leaves its transaction open; end it with COMMIT")]
    LeftOpen,
    /// The database is one on which this statement must not run.
    #[error("{0}")]
    Refused(String),
    /// Its deadline passed before its turn came.
    #[error("the time was over before its turn came; run it again, with more time")]
    Late,
    /// This node is primary no more, or shuts down.
    #[error("{0}")]
    Moved(String),
}

impl Cause {
    /// What Diesel's error is.
    pub fn of(error: &Error) -> Self {
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
    pub fn before(error: &Error) -> Self {
        Self { at: None, cause: Cause::of(error), done: Vec::new(), fate: Fate::NotRun }
    }

    pub(super) fn at(step: &Step, line: Option<usize>, cause: Cause) -> Self {
        let at = At { name: step.name.clone(), file: step.file.clone(), line };
        Self { at: Some(Box::new(at)), cause, done: Vec::new(), fate: Fate::RolledBack }
    }

    /// The same, when something else became of the step.
    pub(crate) fn with_fate(self, fate: Fate) -> Self {
        Self { fate, ..self }
    }

    /// Whether something of the plan is in the database that was not there before, as far as is known.
    #[must_use]
    pub fn left_something(&self) -> bool {
        self.fate == Fate::Partly || self.done.iter().any(|done| done.ran)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(At { name, file, line }) = self.at.as_deref() else { return write!(f, "{}", self.cause) };
        match line {
            Some(line) => write!(f, "{file}, line {line}: {}", self.cause)?,
            None => write!(f, "{file}: {}", self.cause)?,
        }
        let mut kept = self.done.iter().filter(|done| done.ran).map(|done| done.name.as_str()).peekable();
        match self.fate {
            Fate::NotRun if kept.peek().is_none() => return write!(f, ". Nothing was run"),
            Fate::RolledBack => write!(f, ". {name} was rolled back")?,
            Fate::Partly => write!(
                f,
                ". {name} runs without a transaction: what came before the failed statement is kept, and its version is \
                 not written down"
            )?,
            Fate::NotRun => write!(f, ". {name} and what comes after it did not run")?,
            Fate::Unknown => {
                write!(f, ". Nobody can tell whether {name} is kept; what comes after it did not run")?
            }
        }
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
