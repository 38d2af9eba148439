//! Why a node did not do what it was asked.

use diesel::result::Error as DieselError;
use serde::{Deserialize, Serialize};

use crate::error::{Bound, DatabaseError, Error, NotExecuted};
use crate::position::Position;
use crate::shortened::shorten;

/// Why one attempt at one node gave no result, in the form in which it travels. New ones are added
/// at the end. Unless it says otherwise, this attempt did not run, and never will; what an earlier
/// one did is another question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// The database said no, and nothing changed. No other attempt at it ran or will run either, when
    /// the stamp said that there may be one.
    Rejected(DatabaseError),
    /// This node is not primary. `hint` is the host name of the one it takes for it.
    NotPrimary { hint: Option<String> },
    /// This node has as much of it as the bound allows.
    Overloaded(Bound),
    /// The deadline passed before its turn came.
    Expired,
    /// The database was locked by another process.
    Busy(String),
    /// This node shuts down.
    ShuttingDown,
    /// This node has no repo of that name.
    UnknownRepo(String),
    /// The transaction is not open any more, and nothing of it is kept.
    TransactionEnded(String),
    /// It may have run.
    Unknown(String),
    /// This node cannot or may not do that.
    Refused(String),
    /// It is committed, but its result cannot be sent.
    NotDecoded { position: Position, why: String },
    /// A read failed.
    Read(DatabaseError),
    /// A read was not done by its deadline.
    ReadTimeout(String),
    /// The ledger does not know the client: it registers with this ticket, and asks again.
    UnknownClient { ticket: u64 },
    /// The client has forgotten this sequence: nobody waits for it.
    Late,
    /// The id was used for another request.
    OtherRequest,
    /// Asked for an entry, the ledger has none, and the client may still ask.
    Absent,
    /// It is committed by an earlier attempt, and its result was too large to keep.
    NotKept { position: Position },
    /// The idempotency key was used for another request.
    KeyReused { key: String },
    /// This node has no such procedure.
    UnknownProcedure { name: String, version: u32 },
    /// LiteFS calls this node primary, but others know a later one, or a majority does not confirm it.
    Fenced { why: String, hint: Option<String> },
    /// This node is primary, but cannot write just now: its LiteFS starts anew, or went away.
    Unavailable(String),
    /// Another attempt may have run, and this database has no ledger that could ever tell.
    NoLedger,
    /// It is larger than the bound allows, and was looked at before anything of it ran.
    TooLarge(Bound),
    /// This node does not take the caller's writes. It has looked for this one, and ended it: no attempt at it ran,
    /// or ever will.
    NotTaken(String),
}

impl Refusal {
    /// What this is for a caller, when it is the last word. `peer` is who said it.
    pub(crate) fn into_error(self, peer: &str) -> Error {
        Error::NotExecuted(match self {
            Self::Rejected(error) | Self::Read(error) if error.bound().is_some() => {
                return DieselError::from(error).into();
            }
            Self::Rejected(error) => return Error::Rejected(error.into()),
            Self::Read(error) => return Error::Read(error.into()),
            Self::ReadTimeout(why) => return Error::ReadTimeout { why },
            Self::Unknown(why) => return Error::Unknown { why },
            Self::NoLedger => {
                return Error::Unknown {
                    why: format!("{peer} has no ledger that could tell whether it ran"),
                };
            }
            Self::NotDecoded { position, why } => {
                let source = DieselError::DeserializationError(why.into());
                return Error::CommittedNotDecoded { position, source };
            }
            Self::NotKept { position } => return Error::CommittedNotKept { position },
            Self::KeyReused { key } => return Error::KeyReused { key },
            Self::NotPrimary { .. } => NotExecuted::NotPrimary,
            Self::Fenced { why, .. } => NotExecuted::Fenced(why),
            Self::Overloaded(bound) => NotExecuted::Overloaded(bound),
            Self::TooLarge(bound) => NotExecuted::TooLarge(bound),
            Self::Expired => NotExecuted::Expired,
            Self::Busy(why) => NotExecuted::Busy(why),
            Self::ShuttingDown => NotExecuted::ShuttingDown,
            Self::TransactionEnded(why) => NotExecuted::TransactionEnded(why),
            Self::UnknownProcedure { name, version } => {
                NotExecuted::UnknownProcedure { name, version, node: peer.to_owned() }
            }
            Self::UnknownRepo(repo) => NotExecuted::Refused(format!(
                "{peer} does not serve a repo `{repo}`; is it in the settings of the application there?"
            )),
            Self::Refused(why) | Self::Unavailable(why) | Self::NotTaken(why) => {
                NotExecuted::Refused(format!("{peer}: {why}"))
            }
            // Between the library's own parts; a caller sees them only when the other end is at fault.
            Self::UnknownClient { .. } => NotExecuted::Refused(format!("{peer} does not know this process")),
            Self::Late => NotExecuted::Refused(format!("{peer} takes the write for one that is over")),
            Self::OtherRequest => NotExecuted::Refused(format!("{peer} has another write under the same id")),
            Self::Absent => NotExecuted::Refused(format!("{peer} has no such write")),
        })
    }

    /// Cuts its text to so many bytes, and says how many it takes then. Some have words of whoever is refused.
    pub(crate) fn shorten(&mut self, most: usize) -> usize {
        let text = match self {
            Self::Rejected(DatabaseError { message, .. }) | Self::Read(DatabaseError { message, .. }) => {
                message
            }
            Self::NotPrimary { hint: Some(text) }
            | Self::Busy(text)
            | Self::UnknownRepo(text)
            | Self::TransactionEnded(text)
            | Self::Unknown(text)
            | Self::Refused(text)
            | Self::NotDecoded { why: text, .. }
            | Self::ReadTimeout(text)
            | Self::KeyReused { key: text }
            | Self::UnknownProcedure { name: text, .. }
            | Self::Fenced { why: text, .. }
            | Self::Unavailable(text)
            | Self::NotTaken(text) => text,
            Self::NotPrimary { hint: None }
            | Self::Overloaded(_)
            | Self::Expired
            | Self::ShuttingDown
            | Self::UnknownClient { .. }
            | Self::Late
            | Self::OtherRequest
            | Self::Absent
            | Self::NotKept { .. }
            | Self::NoLedger
            | Self::TooLarge(_) => return 0,
        };
        shorten(text, most);
        text.len()
    }

    /// What the failure of a read on this node is for the node that asked.
    pub(crate) fn of_read(error: Error) -> Self {
        match error {
            Error::Read(error) => Self::Read(error.into()),
            Error::ReadTimeout { why } => Self::ReadTimeout(why),
            Error::NotExecuted(NotExecuted::ShuttingDown) => Self::ShuttingDown,
            Error::NotExecuted(NotExecuted::Overloaded(bound)) => Self::Overloaded(bound),
            Error::NotExecuted(NotExecuted::Expired) => Self::Expired,
            other => Self::Refused(other.to_string()),
        }
    }
}
