//! What a refusal is for a caller.

use super::*;
use crate::error::{Bound, DatabaseError, Error, ErrorKind, NotExecuted};

/// What is too much.
fn bound() -> Bound {
    Bound::new("limits.binds", 300)
}

#[test]
fn every_refusal_travels_and_is_an_outcome_of_the_same_meaning() {
    use NotExecuted as N;
    let database = DatabaseError { kind: ErrorKind::Unique, message: "UNIQUE constraint failed: a.b".into() };
    let position = Position { txid: 1, checksum: 2 };
    type Means = fn(&Error) -> bool;
    let all: [(Refusal, Means); 24] = [
        (Refusal::Rejected(database.clone()), |error| matches!(error, Error::Rejected(_))),
        (Refusal::NotPrimary { hint: Some("b".into()) }, |e| matches!(e, Error::NotExecuted(N::NotPrimary))),
        (
            Refusal::Overloaded(bound()),
            |e| matches!(e, Error::NotExecuted(N::Overloaded(is)) if *is == bound()),
        ),
        (Refusal::TooLarge(bound()), |e| matches!(e, Error::NotExecuted(N::TooLarge(is)) if *is == bound())),
        (
            Refusal::Rejected(bound().into()),
            |e| matches!(e, Error::NotExecuted(N::TooLarge(is)) if *is == bound()),
        ),
        (
            Refusal::Read(bound().into()),
            |e| matches!(e, Error::NotExecuted(N::TooLarge(is)) if *is == bound()),
        ),
        (Refusal::Expired, |error| matches!(error, Error::NotExecuted(N::Expired))),
        (Refusal::Busy("locked".into()), |error| matches!(error, Error::NotExecuted(N::Busy(_)))),
        (Refusal::ShuttingDown, |error| matches!(error, Error::NotExecuted(N::ShuttingDown))),
        (Refusal::TransactionEnded("idle".into()), |error| {
            matches!(error, Error::NotExecuted(N::TransactionEnded(_)))
        }),
        (Refusal::Unknown("disk".into()), |error| matches!(error, Error::Unknown { .. })),
        (Refusal::NotDecoded { position, why: "large".into() }, |error| {
            matches!(error, Error::CommittedNotDecoded { .. })
        }),
        (Refusal::Read(database), |error| matches!(error, Error::Read(_))),
        (Refusal::ReadTimeout("late".into()), |error| matches!(error, Error::ReadTimeout { .. })),
        (Refusal::UnknownClient { ticket: 3 }, |error| matches!(error, Error::NotExecuted(_))),
        (Refusal::Late, |error| matches!(error, Error::NotExecuted(_))),
        (Refusal::Absent, |error| matches!(error, Error::NotExecuted(_))),
        (Refusal::NotKept { position }, |error| matches!(error, Error::CommittedNotKept { .. })),
        (Refusal::KeyReused { key: "k".into() }, |error| matches!(error, Error::KeyReused { .. })),
        (Refusal::UnknownProcedure { name: "p".into(), version: 2 }, |error| {
            matches!(error, Error::NotExecuted(N::UnknownProcedure { version: 2, .. }))
        }),
        (Refusal::NotTaken("setting".into()), |error| matches!(error, Error::NotExecuted(N::Refused(_)))),
        (Refusal::NoLedger, |error| matches!(error, Error::Unknown { .. })),
        (Refusal::Fenced { why: "b".into(), hint: None }, |e| matches!(e, Error::NotExecuted(N::Fenced(_)))),
        (
            Refusal::UnknownRepo("Audit".into()),
            |error| matches!(error, Error::NotExecuted(N::Refused(why)) if why.contains("`Audit`")),
        ),
    ];
    for (refusal, means) in all {
        let on_wire: Refusal = wire::read(&body(&refusal)).unwrap();
        assert_eq!(on_wire, refusal);
        let error = on_wire.into_error("a");
        assert!(means(&error), "{refusal:?}: {error:?}");
    }
}
