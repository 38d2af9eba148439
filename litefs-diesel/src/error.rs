//! What a call may end with.
//!
//! | outcome | what happened | what the caller may do |
//! |---|---|---|
//! | a value | done; with [`Ack::Visible`](crate::Ack::Visible) this node reads it back | go on |
//! | [`Rejected`](Error::Rejected) | the database said no; nothing changed | mend the statement |
//! | [`NotExecuted`](Error::NotExecuted) | it never ran | send it again |
//! | [`CommittedNotVisible`](Error::CommittedNotVisible) | done, but this node cannot read it yet | go on, or wait with [`ReadLevel::AtLeast`](crate::ReadLevel::AtLeast) |
//! | [`CommittedNotReplicated`](Error::CommittedNotReplicated) | done, but not on as many nodes as asked for | go on; a failover now may lose it |
//! | [`CommittedNotKept`](Error::CommittedNotKept) | done, but its result is gone | read it; do not send it again |
//! | [`CommittedNotDecoded`](Error::CommittedNotDecoded) | done, but what came back is not the type that was asked for | mend the row type; do not send it again |
//! | [`Lost`](Error::Lost) | it was done, and a failover dropped it | send it again |
//! | [`KeyReused`](Error::KeyReused) | the idempotency key belongs to another request; nothing changed | use another key |
//! | [`Unknown`](Error::Unknown) | it may have run | look, before sending it again |
//! | [`NotFound`](Error::NotFound) | there is no such row; nothing changed | |
//! | [`Read`](Error::Read) | a read failed | mend the query |

use std::any::Any;
use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::position::Position;

/// Why a call did not give its value: one variant an outcome.
///
/// It is plain, `Send + Sync + 'static`: `?` works everywhere.
///
/// ```
/// # use litefs_diesel::{Error, NotExecuted};
/// let error = Error::NotExecuted(NotExecuted::Overloaded);
/// assert!(error.is_retryable());
/// assert!(error.position().is_none());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database said no, and nothing changed. The error inside is the one that a bare
    /// `SqliteConnection` gives for the same statement: kind and message are equal.
    #[error("the database refused the write, and nothing changed: {0}")]
    Rejected(#[source] DieselError),
    /// It never ran: sending it again cannot double it.
    #[error("it was not executed: {0}")]
    NotExecuted(#[source] NotExecuted),
    /// It is committed, but this node could not read it back by the deadline.
    #[error("the write is committed at {position}, but this node cannot read it yet; do not send it again")]
    CommittedNotVisible {
        /// Where the write is.
        position: Position,
        /// What it returned; see [`Error::value`].
        value: CommittedValue,
    },
    /// It is committed, but by the deadline not on as many nodes as was asked for
    /// ([`Ack::Replicated`](crate::Ack::Replicated), [`Ack::Everywhere`](crate::Ack::Everywhere)).
    #[error(
        "the write is committed at {position}, but {} not have it yet; do not send it again",
        lacking(missing)
    )]
    CommittedNotReplicated {
        /// Where the write is.
        position: Position,
        /// The nodes besides the primary that have it.
        have: Vec<String>,
        /// The nodes that were waited for in vain.
        missing: Vec<String>,
        /// What it returned; see [`Error::value`].
        value: CommittedValue,
    },
    /// It is committed, by an attempt whose answer was lost, and its result was too large to be kept
    /// (setting `ledger_result`).
    #[error(
        "the write is committed (seen at {position}), but its result was too large to keep for a second answer          (setting `ledger_result`); do not send it again"
    )]
    CommittedNotKept {
        /// A position that has the write.
        position: Position,
    },
    /// It was committed, and then a failover dropped the history that held it: it is nowhere now.
    #[error("the write was committed at {position}, and a failover has dropped it: it is lost")]
    Lost {
        /// Where it was.
        position: Position,
    },
    /// The idempotency key was used for another request, by this process or another. Nothing
    /// changed.
    #[error(
        "the idempotency key `{key}` was used for another request: give each request its own, or mark what          varies between attempts with `varying`"
    )]
    KeyReused {
        /// The key.
        key: String,
    },
    /// It is committed, but what the database returned cannot be read as the type asked for.
    #[error(
        "the write is committed at {position}, but its result cannot be read as the type asked for: {source}; do not send it again"
    )]
    CommittedNotDecoded {
        /// Where the write is.
        position: Position,
        /// What Diesel said.
        source: DieselError,
    },
    /// It may have run: the answer was lost, the commit failed in a way that does not tell, or it was
    /// committed and then the primary changed, which may have dropped it.
    #[error("nobody can tell whether the write ran: {why}; look before you send it again")]
    Unknown {
        /// What happened to the call.
        why: String,
    },
    /// There is no such row, where one was needed. Nothing changed.
    #[error("no row was found")]
    NotFound,
    /// There is more than one row, where at most one was expected.
    #[error("more than one row was found where at most one was expected; use `all`, or `.limit(1)`")]
    TooManyRows,
    /// A read failed.
    #[error("the read failed: {0}")]
    Read(#[source] DieselError),
    /// A statement that writes was given to a method that reads. Nothing ran.
    #[error("`{method}` reads, and this statement writes: use `{instead}`; nothing ran")]
    WriteInRead {
        /// The method that was called.
        method: &'static str,
        /// The one to call instead.
        instead: &'static str,
    },
    /// A read did not get what it needs by its deadline.
    #[error("the read was not done by its deadline: {why}")]
    ReadTimeout {
        /// What it waited for.
        why: String,
    },
    /// What ran did not end in time, so the node went down while it did. A file of the LiteFS mount
    /// may still be open.
    #[error("the node was shut down, but what ran did not end in {} s", waited.as_secs())]
    Shutdown {
        /// How long it was waited for.
        waited: std::time::Duration,
    },
    /// A setting is wrong, or the node cannot start with it.
    #[error(transparent)]
    Start(#[from] crate::config::StartError),
}

/// Why a call never ran. All of these are safe to send again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotExecuted {
    /// The writer's queue is full. Send less, or later.
    #[error("the primary's queue is full (setting `queue_length`)")]
    Overloaded,
    /// No node was primary until the deadline.
    #[error("there was no primary until the deadline")]
    NoLeader,
    /// LiteFS on this node does not answer, so that nobody here knows a primary.
    #[error("LiteFS on this node does not answer, and so no primary is known: {0}")]
    LitefsDown(String),
    /// This node's file cannot be opened, as while LiteFS is down: what is to be done with a statement
    /// of a [`LitefsConnection`](crate::LitefsConnection) is asked of it first.
    #[error("the database of this node cannot be opened: {0}")]
    Unreadable(String),
    /// The node that it reached is not the primary, or ceased to be it before the commit.
    #[error("the node that it reached is not the primary")]
    NotPrimary,
    /// The primary could not be reached, and nothing was sent.
    #[error("the primary {primary} could not be reached before the deadline: {why}")]
    Unreachable {
        /// The primary's host name, as LiteFS gives it, or its address.
        primary: String,
        /// What the last attempt said.
        why: String,
    },
    /// The deadline passed before the write's turn came.
    #[error("its deadline passed before its turn came")]
    Expired,
    /// The database was locked by another process for longer than `busy_timeout`.
    #[error("the database was locked by another process for longer than `busy_timeout`: {0}")]
    Busy(String),
    /// This node, or the primary, is shutting down.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// The transaction this belonged to has ended: it was idle or open for too long, its primary
    /// moved, or the connection to it was lost. Nothing of it is kept.
    #[error("the transaction has ended, and nothing of it is kept: {0}")]
    TransactionEnded(String),
    /// The primary cannot or may not run it: it does not serve this repo, or speaks another protocol.
    #[error("the primary refused it: {0}")]
    Refused(String),
    /// [`Ack::Everywhere`](crate::Ack::Everywhere) was asked for, and these nodes could not have it.
    #[error("it is to be on every node, and not all can take it: {0}")]
    NotEverywhere(String),
    /// LiteFS calls the node primary, but other nodes know a later one, or (with `fence =
    /// "majority"`) a majority does not confirm it.
    #[error("the primary does not write, because it may not be the only one: {0}")]
    Fenced(String),
    /// The node has no procedure of that name and version: it runs another release of the
    /// application, or does not list it in `procedures(…)`.
    #[error("{node} has no procedure `{name}` of version {version}")]
    UnknownProcedure {
        /// The procedure's name.
        name: String,
        /// The version that was called.
        version: u32,
        /// The primary.
        node: String,
    },
}

/// Who does not have a write, for its error.
fn lacking(missing: &[String]) -> String {
    match missing {
        [] => "too few nodes are known that could; those do".to_owned(),
        [one] => format!("{one} does"),
        many => format!("{} do", many.join(", ")),
    }
}

/// What a committed write returned, kept in an error. Take it with [`Error::value`].
#[derive(Default)]
pub struct CommittedValue(Option<Box<dyn Any + Send + Sync>>);

impl CommittedValue {
    pub(crate) fn new(value: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(value)))
    }
}

impl fmt::Debug for CommittedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "CommittedValue(..)" } else { "CommittedValue(none)" })
    }
}

impl Error {
    /// Where the write is, when it is known to be committed; where it was, when it is lost.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::CommittedNotVisible { position, .. }
            | Self::CommittedNotReplicated { position, .. }
            | Self::CommittedNotKept { position }
            | Self::Lost { position }
            | Self::CommittedNotDecoded { position, .. } => Some(*position),
            _ => None,
        }
    }

    /// Whether the same call may be sent again and cannot be there already.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NotExecuted(_) | Self::Lost { .. } | Self::ReadTimeout { .. })
    }

    /// What a committed write returned, when `U` is the type that the call would have given.
    #[must_use]
    pub fn value<U: Any>(&self) -> Option<&U> {
        match self {
            Self::CommittedNotVisible { value, .. } | Self::CommittedNotReplicated { value, .. } => {
                value.0.as_ref()?.downcast_ref()
            }
            _ => None,
        }
    }

    /// The same as Diesel's error, for code that is written against a Diesel connection: what the
    /// database said as it is, every other outcome in a form that [`outcome`] gives back.
    #[must_use]
    pub fn into_diesel(self) -> DieselError {
        match self {
            Self::Rejected(error) | Self::Read(error) => error,
            Self::NotFound => DieselError::NotFound,
            other => DieselError::QueryBuilderError(Box::new(other)),
        }
    }
}

impl From<Error> for DieselError {
    fn from(error: Error) -> Self {
        error.into_diesel()
    }
}

/// Diesel's error as the outcome of a write: what [`Error::into_diesel`] put in comes out, and
/// what the database itself said is [`Error::Rejected`]. This is what
/// [`RepoHandle::run`](crate::RepoHandle::run) and `transaction` closures may return.
impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
            DieselError::QueryBuilderError(inner) => match inner.downcast::<Self>() {
                Ok(outcome) => *outcome,
                Err(inner) => Self::Rejected(DieselError::QueryBuilderError(inner)),
            },
            other => Self::Rejected(other),
        }
    }
}

/// The outcome behind an error that a [`LitefsConnection`](crate::LitefsConnection) gave, when it
/// is more than what the database itself said.
///
/// ```
/// # use litefs_diesel::{outcome, Error, NotExecuted};
/// let error = Error::NotExecuted(NotExecuted::NoLeader).into_diesel();
/// assert!(matches!(outcome(&error), Some(Error::NotExecuted(NotExecuted::NoLeader))));
/// assert!(outcome(&diesel::result::Error::NotFound).is_none());
/// ```
#[must_use]
pub fn outcome(error: &DieselError) -> Option<&Error> {
    match error {
        DieselError::QueryBuilderError(inner) => inner.downcast_ref(),
        _ => None,
    }
}

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
}

impl DatabaseError {
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Other, message: message.into() }
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
            DieselError::QueryBuilderError(error) => (ErrorKind::Query, error.to_string()),
            DieselError::NotFound => (ErrorKind::NotFound, DieselError::NotFound.to_string()),
            other => (ErrorKind::Other, other.to_string()),
        };
        Self { kind, message }
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
        };
        Self::DatabaseError(kind, Box::new(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_survives_the_way_through_a_diesel_error() {
        let position = Position { txid: 7, checksum: 9 };
        let error = Error::CommittedNotVisible { position, value: CommittedValue::new(41_i32) }.into_diesel();
        assert_eq!(outcome(&error).and_then(Error::position), Some(position));
        let back = Error::from(error);
        assert_eq!(back.value::<i32>(), Some(&41));
        assert_eq!(back.value::<i64>(), None);
    }

    #[test]
    fn diesels_own_errors_are_the_same_after_they_have_travelled() {
        for error in [
            DieselError::QueryBuilderError("no statement".into()),
            DieselError::SerializationError("no form".into()),
            DieselError::DeserializationError("no type".into()),
        ] {
            let there = DieselError::from(DatabaseError::from(error));
            let texts = ["no statement", "no form", "no type"];
            assert!(!matches!(there, DieselError::DatabaseError(..)), "{there:?}");
            assert!(texts.contains(&there.to_string().rsplit(": ").next().unwrap_or_default()), "{there}");
        }
    }

    #[test]
    fn an_error_is_send_sync_and_static() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
    }
}
