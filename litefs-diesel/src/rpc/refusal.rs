//! Why a peer did not do what it was asked.

use serde::{Deserialize, Serialize};

use crate::error::{DatabaseError, Error, NotExecuted};
use crate::position::Position;

/// The error of a call, in the form in which it travels. New ones are added at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// The database said no, and nothing changed.
    Rejected(DatabaseError),
    /// This node is not primary. `hint` is the host name of the one it takes for it.
    NotPrimary { hint: Option<String> },
    /// The writer's queue is full.
    Overloaded,
    /// The deadline passed before its turn came.
    Expired,
    /// The database was locked by another process.
    Busy(String),
    /// This node shuts down. Nothing ran.
    ShuttingDown,
    /// This node has no repo of that name.
    UnknownRepo(String),
    /// The transaction is not open any more, and nothing of it is kept.
    TransactionEnded(String),
    /// It may have run.
    Unknown(String),
    /// This node cannot or may not do that. Nothing ran.
    Refused(String),
    /// It is committed, but its result cannot be sent.
    NotDecoded { position: Position, why: String },
    /// A read failed.
    Read(DatabaseError),
    /// A read was not done by its deadline.
    ReadTimeout(String),
}

impl Refusal {
    /// What an outcome of the local writer is for the node that asked. `hint` is whom this node
    /// takes for primary, for a writer that says it is not.
    pub(crate) fn from_error(error: Error, hint: impl FnOnce() -> Option<String>) -> Self {
        match error {
            Error::Rejected(error) => Self::Rejected(error.into()),
            Error::Read(error) => Self::Read(error.into()),
            Error::ReadTimeout { why } => Self::ReadTimeout(why),
            Error::Unknown { why } => Self::Unknown(why),
            Error::CommittedNotDecoded { position, source } => {
                Self::NotDecoded { position, why: source.to_string() }
            }
            Error::NotExecuted(why) => match why {
                NotExecuted::Overloaded => Self::Overloaded,
                NotExecuted::NoLeader | NotExecuted::NotPrimary => Self::NotPrimary { hint: hint() },
                NotExecuted::Expired => Self::Expired,
                NotExecuted::Busy(why) => Self::Busy(why),
                NotExecuted::ShuttingDown => Self::ShuttingDown,
                NotExecuted::TransactionEnded(why) => Self::TransactionEnded(why),
                NotExecuted::Refused(why) => Self::Refused(why),
                other @ (NotExecuted::Unreachable { .. } | NotExecuted::LitefsDown(_)) => {
                    Self::Refused(other.to_string())
                }
            },
            // Whoever asks waits for itself, so a writer has no reason to say this.
            Error::CommittedNotVisible { position, .. } => {
                Self::NotDecoded { position, why: "the primary waited for its own position in vain".into() }
            }
            other @ (Error::NotFound
            | Error::TooManyRows
            | Error::WriteInRead { .. }
            | Error::Shutdown { .. }
            | Error::Start(_)) => Self::Refused(other.to_string()),
        }
    }

    /// What a refusal by `peer` is for the caller here.
    pub(crate) fn into_error(self, peer: &str) -> Error {
        Error::NotExecuted(match self {
            Self::Rejected(error) => return Error::Rejected(error.into()),
            Self::Read(error) => return Error::Read(error.into()),
            Self::ReadTimeout(why) => return Error::ReadTimeout { why },
            Self::Unknown(why) => return Error::Unknown { why },
            Self::NotDecoded { position, why } => {
                let source = diesel::result::Error::DeserializationError(why.into());
                return Error::CommittedNotDecoded { position, source };
            }
            Self::NotPrimary { .. } => NotExecuted::NoLeader,
            Self::Overloaded => NotExecuted::Overloaded,
            Self::Expired => NotExecuted::Expired,
            Self::Busy(why) => NotExecuted::Busy(why),
            Self::ShuttingDown => NotExecuted::ShuttingDown,
            Self::TransactionEnded(why) => NotExecuted::TransactionEnded(why),
            Self::UnknownRepo(repo) => NotExecuted::Refused(format!(
                "{peer} does not serve a repo `{repo}`; is it in the settings of the application there?"
            )),
            Self::Refused(why) => NotExecuted::Refused(format!("{peer}: {why}")),
        })
    }
}
