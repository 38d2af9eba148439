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
//! | [`NotDecoded`](Error::NotDecoded) | what came back is not the type that was asked for; when a write gave it, that may be done | mend the row type; look, before sending a write again |
//! | [`Lost`](Error::Lost) | it was done, and a failover dropped it | send it again |
//! | [`KeyReused`](Error::KeyReused) | the idempotency key belongs to another request; nothing changed | use another key |
//! | [`Unknown`](Error::Unknown) | it may have run | look, before sending it again |
//! | [`MigrationFailed`](Error::MigrationFailed) | a migration failed; those before it are kept, as the text says | mend it, and migrate again |
//! | [`NotFound`](Error::NotFound) | there is no such row; nothing changed | |
//! | [`Read`](Error::Read) | a read failed | mend the query |
//!
//! This room never decides which outcome a call has.

mod bound;
mod database;
mod not_executed;

pub use bound::Bound;
pub(crate) use database::{DatabaseError, ErrorKind, READONLY};
pub use not_executed::NotExecuted;

use std::any::Any;
use std::fmt;

use diesel::result::Error as DieselError;

use crate::position::Position;

/// Why a call did not give its value: one variant an outcome.
///
/// It is plain, `Send + Sync + 'static`: `?` works everywhere.
///
/// ```
/// # use litefs_diesel::{Error, NotExecuted};
/// let error = Error::NotExecuted(NotExecuted::Expired);
/// assert!(error.is_retryable());
/// assert!(error.position().is_none());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database said no, and nothing changed. The error inside is the one that a bare
    /// `SqliteConnection` gives for the same statement: kind and message are equal.
    #[error("the database refused the statement, and nothing changed: {0}")]
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
        "the write is committed (seen at {position}), but its result was too large to keep for a second answer \
         (setting `ledger_result`); do not send it again"
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
        "the idempotency key `{key}` was used for another request: give each request its own, or mark what \
         varies between attempts with `varying`"
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
    /// What the database returned cannot be read as the type asked for, says Diesel on a connection, which
    /// does not say what the statement was. After one that reads, nothing changed. One that writes, and
    /// returns rows, is done; outside of a transaction it is committed.
    #[error(
        "what the database returned cannot be read as the type asked for: {0}; a write that returned it may be \
         committed: look before you send it again"
    )]
    NotDecoded(#[source] DieselError),
    /// It may have run: the answer was lost, the commit failed in a way that does not tell, or it was
    /// committed and then the primary changed, which may have dropped it.
    #[error("nobody can tell whether the write ran: {why}; look before you send it again")]
    Unknown {
        /// What happened to the call.
        why: String,
    },
    /// A migration failed, or cannot be used: the text has its name, the line, SQLite's words, what became
    /// of it and what was applied before it, which is kept. Nothing after it ran.
    #[error("{why}")]
    MigrationFailed {
        /// All that is known.
        why: String,
        /// Where what is kept was committed; `None` when nothing of this call is.
        position: Option<Position>,
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
            Self::MigrationFailed { position, .. } => *position,
            _ => None,
        }
    }

    /// Whether the same call may be sent again and cannot be there already.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NotExecuted(_) | Self::Lost { .. } | Self::ReadTimeout { .. })
    }

    /// What a committed write returned, when `U` is the type that the call would have given.
    ///
    /// Of a Diesel connection's statement it is a `usize`: what `execute` would have given, or how many
    /// rows came back, whose type only Diesel knew. A commit and `batch_execute` have none.
    #[must_use]
    pub fn value<U: Any>(&self) -> Option<&U> {
        match self {
            Self::CommittedNotVisible { value, .. } | Self::CommittedNotReplicated { value, .. } => {
                value.0.as_ref()?.downcast_ref()
            }
            _ => None,
        }
    }

    /// The same outcome with another value in it, when it is one that has a value.
    pub(crate) fn with_value(self, value: CommittedValue) -> Self {
        match self {
            Self::CommittedNotVisible { position, .. } => Self::CommittedNotVisible { position, value },
            Self::CommittedNotReplicated { position, have, missing, .. } => {
                Self::CommittedNotReplicated { position, have, missing, value }
            }
            other => other,
        }
    }

    /// The same as Diesel's error, for code that is written against a Diesel connection: what the
    /// database said as it is, every other outcome in a form that [`outcome`] gives back.
    #[must_use]
    pub fn into_diesel(self) -> DieselError {
        match self {
            Self::Rejected(error) | Self::Read(error) | Self::NotDecoded(error) => error,
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
/// what the database itself said is [`Error::Rejected`]. What could not be read as the type asked for is
/// [`Error::NotDecoded`]: it may have come from a write that is done. This is what
/// [`RepoHandle::run`](crate::RepoHandle::run) and `transaction` closures may return.
impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::NotFound => Self::NotFound,
            DieselError::QueryBuilderError(inner) => match inner.downcast::<Self>() {
                Ok(outcome) => *outcome,
                Err(inner) => Self::Rejected(DieselError::QueryBuilderError(inner)),
            },
            DieselError::DeserializationError(_) => Self::NotDecoded(error),
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
    fn what_cannot_be_read_does_not_promise_that_nothing_changed() {
        let error = Error::from(DieselError::DeserializationError("no type".into()));
        assert!(matches!(error, Error::NotDecoded(_)), "{error:?}");
        assert!(!error.is_retryable() && error.position().is_none());
        assert!(!error.to_string().contains("nothing changed"), "{error}");
        assert!(matches!(error.into_diesel(), DieselError::DeserializationError(_)));
        // What never ran, or was refused, still does.
        let refused = Error::from(DieselError::SerializationError("no form".into()));
        assert!(matches!(refused, Error::Rejected(_)), "{refused:?}");
    }

    #[test]
    fn an_error_is_send_sync_and_static() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
    }
}
