//! Steps for tests.

use super::{Kind, Plan, Step};

pub(crate) fn step(kind: Kind, version: &str, sql: &str) -> Step {
    Step {
        kind,
        version: version.into(),
        name: format!("{version}_name"),
        file: format!("{version}_name/up.sql"),
        sql: sql.into(),
        in_transaction: true,
    }
}

pub(crate) fn up(version: &str, sql: &str) -> Step {
    step(Kind::Up, version, sql)
}

/// One that runs without a transaction.
pub(crate) fn bare(version: &str, sql: &str) -> Step {
    Step { in_transaction: false, ..up(version, sql) }
}

pub(crate) fn plan(steps: impl Into<Vec<Step>>) -> Plan {
    Plan { steps: steps.into(), one_transaction: false }
}
