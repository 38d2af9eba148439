use super::{Vectors, variants};
use crate::error::{Bound, DatabaseError, ErrorKind};
use crate::position::Position;
use crate::request::Refusal;

variants!(ErrorKind:
    Self::Other => "Other",
    Self::Unique => "Unique",
    Self::ForeignKey => "ForeignKey",
    Self::NotNull => "NotNull",
    Self::Check => "Check",
    Self::Exclusion => "Exclusion",
    Self::SendError => "SendError",
    Self::Serialization => "Serialization",
    Self::ReadOnly => "ReadOnly",
    Self::Restrict => "Restrict",
    Self::Closed => "Closed",
    Self::NulInText => "NulInText",
    Self::Decode => "Decode",
    Self::Encode => "Encode",
    Self::Query => "Query",
    Self::NotFound => "NotFound",
    Self::TooLarge { .. } => "TooLarge",
);
variants!(Refusal:
    Self::Rejected(_) => "Rejected",
    Self::NotPrimary { .. } => "NotPrimary",
    Self::Overloaded(_) => "Overloaded",
    Self::Expired => "Expired",
    Self::Busy(_) => "Busy",
    Self::ShuttingDown => "ShuttingDown",
    Self::UnknownRepo(_) => "UnknownRepo",
    Self::TransactionEnded(_) => "TransactionEnded",
    Self::Unknown(_) => "Unknown",
    Self::Refused(_) => "Refused",
    Self::NotDecoded { .. } => "NotDecoded",
    Self::Read(_) => "Read",
    Self::ReadTimeout(_) => "ReadTimeout",
    Self::UnknownClient { .. } => "UnknownClient",
    Self::Late => "Late",
    Self::OtherRequest => "OtherRequest",
    Self::Absent => "Absent",
    Self::NotKept { .. } => "NotKept",
    Self::KeyReused { .. } => "KeyReused",
    Self::UnknownProcedure { .. } => "UnknownProcedure",
    Self::Fenced { .. } => "Fenced",
    Self::Unavailable(_) => "Unavailable",
    Self::NoLedger => "NoLedger",
    Self::TooLarge(_) => "TooLarge",
    Self::NotTaken(_) => "NotTaken",
);

#[test]
fn errors_and_refusals_are_as_they_are_written_down() {
    use ErrorKind as K;
    let mut vectors = Vectors::new(include_str!("errors.txt"));
    let kinds = [
        K::Other,
        K::Unique,
        K::ForeignKey,
        K::NotNull,
        K::Check,
        K::Exclusion,
        K::SendError,
        K::Serialization,
        K::ReadOnly,
        K::Restrict,
        K::Closed,
        K::NulInText,
        K::Decode,
        K::Encode,
        K::Query,
        K::NotFound,
        K::TooLarge { most: 300 },
    ];
    vectors.hold_all("ErrorKind", &kinds);
    let error = DatabaseError { kind: K::Unique, message: "UNIQUE constraint failed: a.b".into() };
    vectors.hold("DatabaseError", &error);
    let position = Position { txid: 65, checksum: 0xf7c8_a915_0000_0000 };
    let why = || "why".to_owned();
    let bound = || Bound::new("queue_length", 300);
    vectors.hold("Bound", &bound());
    let refusals = [
        Refusal::Rejected(error.clone()),
        Refusal::NotPrimary { hint: Some("ams".into()) },
        Refusal::NotPrimary { hint: None },
        Refusal::Overloaded(bound()),
        Refusal::Expired,
        Refusal::Busy(why()),
        Refusal::ShuttingDown,
        Refusal::UnknownRepo("Repo".into()),
        Refusal::TransactionEnded(why()),
        Refusal::Unknown(why()),
        Refusal::Refused(why()),
        Refusal::NotDecoded { position, why: why() },
        Refusal::Read(error),
        Refusal::ReadTimeout(why()),
        Refusal::UnknownClient { ticket: 300 },
        Refusal::Late,
        Refusal::OtherRequest,
        Refusal::Absent,
        Refusal::NotKept { position },
        Refusal::KeyReused { key: "key".into() },
        Refusal::UnknownProcedure { name: "transfer".into(), version: 2 },
        Refusal::Fenced { why: why(), hint: Some("ams".into()) },
        Refusal::Unavailable(why()),
        Refusal::NoLedger,
        Refusal::TooLarge(bound()),
        Refusal::NotTaken(why()),
    ];
    vectors.hold_all("Refusal", &refusals);
    vectors.finish("errors.txt");
}
