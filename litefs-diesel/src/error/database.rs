//! What a database said, in a form that travels.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::{Bound, Error, NotExecuted};
use crate::shortened::{TEXT, shorten};

/// What SQLite says of a write where none may be (SQLITE_READONLY): Diesel has no kind for it.
pub(crate) const READONLY: &str = "attempt to write a readonly database";

/// What a database said, in a form that travels: Diesel's kind and the message, which is all that
/// `SqliteConnection` gives.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct DatabaseError {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

/// Diesel's `DatabaseErrorKind`, with numbers of our own on the wire; and the few errors of Diesel
/// itself that a statement may end with on the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum ErrorKind {
    Other,
    Unique,
    ForeignKey,
    NotNull,
    Check,
    Exclusion,
    SendError,
    Serialization,
    ReadOnly,
    Restrict,
    Closed,
    NulInText,
    Decode,
    Encode,
    /// Diesel could not make a statement of it: an empty text.
    Query,
    /// There was no row where one was needed.
    NotFound,
    /// The result was larger than `most`, the value of the setting that is the message.
    TooLarge {
        most: u64,
    },
}

impl DatabaseError {
    /// With as much of the message as is kept.
    fn new(kind: ErrorKind, mut message: String) -> Self {
        shorten(&mut message, TEXT);
        Self { kind, message }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Other, message.into())
    }

    /// What a result was over, if it was that.
    pub(crate) fn bound(&self) -> Option<Bound> {
        match self.kind {
            ErrorKind::TooLarge { most } => Some(Bound::said(self.message.clone(), most)),
            _ => None,
        }
    }
}

impl From<Bound> for DatabaseError {
    fn from(bound: Bound) -> Self {
        Self { kind: ErrorKind::TooLarge { most: bound.most() }, message: bound.setting().to_owned() }
    }
}

impl From<DieselError> for DatabaseError {
    fn from(error: DieselError) -> Self {
        use DatabaseErrorKind as K;
        let (kind, message) = match error {
            DieselError::DatabaseError(kind, info) => {
                let kind = match kind {
                    K::UniqueViolation => ErrorKind::Unique,
                    K::ForeignKeyViolation => ErrorKind::ForeignKey,
                    K::NotNullViolation => ErrorKind::NotNull,
                    K::CheckViolation => ErrorKind::Check,
                    K::ExclusionViolation => ErrorKind::Exclusion,
                    K::UnableToSendCommand => ErrorKind::SendError,
                    K::SerializationFailure => ErrorKind::Serialization,
                    K::ReadOnlyTransaction => ErrorKind::ReadOnly,
                    K::RestrictViolation => ErrorKind::Restrict,
                    K::ClosedConnection => ErrorKind::Closed,
                    _ => ErrorKind::Other,
                };
                (kind, info.message().to_owned())
            }
            DieselError::InvalidCString(error) => (ErrorKind::NulInText, error.to_string()),
            DieselError::DeserializationError(error) => (ErrorKind::Decode, error.to_string()),
            DieselError::SerializationError(error) => (ErrorKind::Encode, error.to_string()),
            DieselError::QueryBuilderError(error) => match error.downcast_ref() {
                Some(Error::NotExecuted(NotExecuted::TooLarge(bound))) => return bound.clone().into(),
                _ => (ErrorKind::Query, error.to_string()),
            },
            DieselError::NotFound => (ErrorKind::NotFound, DieselError::NotFound.to_string()),
            other => (ErrorKind::Other, other.to_string()),
        };
        Self::new(kind, message)
    }
}

impl From<DatabaseError> for DieselError {
    fn from(DatabaseError { kind, message }: DatabaseError) -> Self {
        use DatabaseErrorKind as K;
        let kind = match kind {
            ErrorKind::Other => K::Unknown,
            ErrorKind::Unique => K::UniqueViolation,
            ErrorKind::ForeignKey => K::ForeignKeyViolation,
            ErrorKind::NotNull => K::NotNullViolation,
            ErrorKind::Check => K::CheckViolation,
            ErrorKind::Exclusion => K::ExclusionViolation,
            ErrorKind::SendError => K::UnableToSendCommand,
            ErrorKind::Serialization => K::SerializationFailure,
            ErrorKind::ReadOnly => K::ReadOnlyTransaction,
            ErrorKind::Restrict => K::RestrictViolation,
            ErrorKind::Closed => K::ClosedConnection,
            // The same error as Diesel's own, from a text that has the same fault.
            ErrorKind::NulInText => {
                return match std::ffi::CString::new("\0") {
                    Err(error) => Self::InvalidCString(error),
                    Ok(_) => Self::DatabaseError(K::Unknown, Box::new(message)),
                };
            }
            ErrorKind::Decode => return Self::DeserializationError(message.into()),
            ErrorKind::Encode => return Self::SerializationError(message.into()),
            ErrorKind::Query => return Self::QueryBuilderError(message.into()),
            ErrorKind::NotFound => return Self::NotFound,
            ErrorKind::TooLarge { most } => {
                return Error::NotExecuted(NotExecuted::TooLarge(Bound::said(message, most))).into_diesel();
            }
        };
        Self::DatabaseError(kind, Box::new(message))
    }
}
