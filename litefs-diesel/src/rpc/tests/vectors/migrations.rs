use super::{Vectors, variants};
use crate::migrate::{At, Cause, Done, Failure, Fate, Kind, Plan, Step};

variants!(Kind: Self::Up => "Up", Self::Down => "Down", Self::Load { .. } => "Load");
variants!(Fate:
    Self::RolledBack => "RolledBack",
    Self::Partly => "Partly",
    Self::NotRun => "NotRun",
    Self::Unknown => "Unknown",
);
variants!(Cause:
    Self::Sql(_) => "Sql",
    Self::Locked(_) => "Locked",
    Self::NotSqlite(_) => "NotSqlite",
    Self::Control(_) => "Control",
    Self::TooLate(_) => "TooLate",
    Self::JournalMode(_) => "JournalMode",
    Self::ForeignKeys(_) => "ForeignKeys",
    Self::LeftOpen => "LeftOpen",
    Self::Refused(_) => "Refused",
    Self::Late => "Late",
    Self::Moved(_) => "Moved",
);

/// A plan of one step.
pub(super) fn plan() -> Plan {
    let step = Step {
        kind: Kind::Up,
        version: "20260131120000".into(),
        name: "2026-01-31-120000_users".into(),
        file: "up.sql".into(),
        sql: "CREATE TABLE users (id INTEGER PRIMARY KEY)".into(),
        in_transaction: true,
    };
    Plan { steps: vec![step], one_transaction: false }
}

#[test]
fn migrations_are_as_they_are_written_down() {
    let mut vectors = Vectors::new(include_str!("migrations.txt"));
    vectors
        .hold_all("Kind", &[Kind::Up, Kind::Down, Kind::Load { if_new: false }, Kind::Load { if_new: true }]);
    vectors.hold("Plan", &plan());
    let done = Done { kind: Kind::Down, version: "1".into(), name: "users".into(), ran: true };
    vectors.hold("Done", &vec![done.clone()]);
    vectors.hold_all("Fate", &[Fate::RolledBack, Fate::Partly, Fate::NotRun, Fate::Unknown]);
    let why = || "why".to_owned();
    let causes = [
        Cause::Sql(why()),
        Cause::Locked(why()),
        Cause::NotSqlite(why()),
        Cause::Control(why()),
        Cause::TooLate(why()),
        Cause::JournalMode(why()),
        Cause::ForeignKeys(why()),
        Cause::LeftOpen,
        Cause::Refused(why()),
        Cause::Late,
        Cause::Moved(why()),
    ];
    vectors.hold_all("Cause", &causes);
    let at = At { name: "users".into(), file: "up.sql".into(), line: Some(300) };
    let failure =
        Failure { at: Some(Box::new(at)), cause: Cause::LeftOpen, done: vec![done], fate: Fate::Partly };
    vectors.hold("Failure", &failure);
    vectors.finish("migrations.txt");
}
