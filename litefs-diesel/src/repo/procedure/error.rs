//! What a call ends with when it gives no value, and an error of the database's that travels.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde::{Deserialize, Serialize};

use crate::error::{DatabaseError, Error};
use crate::position::Position;

/// Why a procedure's call did not give its value: the procedure said no, or another outcome of a
/// write.
///
/// ```
/// use litefs_diesel::{CallError, DbError, Error, NotExecuted};
///
/// fn tell(error: &CallError<DbError>) -> String {
///     match error {
///         CallError::Procedure(error) => format!("refused: {error}; nothing of it is kept"),
///         CallError::Outcome(error) if error.is_retryable() => format!("once more: {error}"),
///         CallError::Outcome(error) => format!("look: {error}"),
///     }
/// }
/// let error = CallError::Outcome(Error::NotExecuted(NotExecuted::Expired));
/// assert!(tell(&error).starts_with("once more"));
/// ```
#[derive(Debug)]
pub enum CallError<E> {
    /// The procedure's own error. It was rolled back: nothing changed.
    Procedure(E),
    /// Any other outcome, with the same meaning as for every write.
    /// [`Error::Rejected`] is a panic in the procedure, arguments that it cannot read, and what the
    /// database said to the commit.
    Outcome(Error),
}

impl<E> CallError<E> {
    /// As [`Error::position`].
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.outcome()?.position()
    }

    /// As [`Error::value`]: what the procedure returned, when it is committed all the same.
    #[must_use]
    pub fn value<U: std::any::Any>(&self) -> Option<&U> {
        self.outcome()?.value()
    }

    /// As [`Error::is_retryable`]; `false` for the procedure's own error, which would come again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.outcome().is_some_and(Error::is_retryable)
    }

    /// The outcome, when it is not the procedure's own error.
    #[must_use]
    pub fn outcome(&self) -> Option<&Error> {
        match self {
            Self::Procedure(_) => None,
            Self::Outcome(outcome) => Some(outcome),
        }
    }
}

impl<E> From<Error> for CallError<E> {
    fn from(outcome: Error) -> Self {
        Self::Outcome(outcome)
    }
}

/// The procedure's own error becomes [`Error::Rejected`], or what it is from Diesel.
impl From<CallError<DbError>> for Error {
    fn from(error: CallError<DbError>) -> Self {
        match error {
            CallError::Procedure(error) => match DieselError::from(error).into() {
                // Nothing of a procedure that failed is kept.
                Error::NotDecoded(error) => Error::Rejected(error),
                outcome => outcome,
            },
            CallError::Outcome(outcome) => outcome,
        }
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Procedure(error) => error.fmt(f),
            Self::Outcome(outcome) => outcome.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Procedure(error) => error.source(),
            Self::Outcome(outcome) => outcome.source(),
        }
    }
}

/// What Diesel or the database said, in a form that serde can send: kind and message, which is all
/// that a `SqliteConnection` tells.
///
/// It is the whole error of a simple procedure, or a variant of its own one.
///
/// ```
/// use diesel::result::{DatabaseErrorKind, Error as DieselError};
/// use litefs_diesel::DbError;
///
/// let said = DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, Box::new("users.email".to_owned()));
/// let error = DbError::from(said);
/// assert!(matches!(error.kind(), DatabaseErrorKind::UniqueViolation));
/// assert_eq!(error.message(), "users.email");
/// assert!(DbError::from(DieselError::NotFound).is_not_found());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DbError(DatabaseError);

impl DbError {
    /// The kind that the database gave; `Unknown` for what is none of them, and for Diesel's own
    /// errors.
    #[must_use]
    pub fn kind(&self) -> DatabaseErrorKind {
        match self.0.clone().into() {
            DieselError::DatabaseError(kind, _) => kind,
            _ => DatabaseErrorKind::Unknown,
        }
    }

    /// What it said.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether there was no row where one was needed: [`diesel::result::Error::NotFound`].
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self.0.clone().into(), DieselError::NotFound)
    }
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        Self(error.into())
    }
}

impl From<DbError> for DieselError {
    fn from(error: DbError) -> Self {
        error.0.into()
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for DbError {}
