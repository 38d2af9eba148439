//! What is to be done to a database, as plain data: it may travel to the primary, which then needs
//! no files.

use serde::{Deserialize, Serialize};

/// Steps in the order in which they are to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// One migration each, in one direction.
    pub steps: Vec<Step>,
    /// All steps in one transaction (`redo`). A step that may not be in one keeps the plan from it.
    pub one_transaction: bool,
}

/// One migration, in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is done to it.
    pub kind: Kind,
    /// As it stands in Diesel's table.
    pub version: String,
    /// What it is called when it is told: `2026-01-31-120000_create_users`.
    pub name: String,
    /// Where its SQL is written, for errors.
    pub file: String,
    /// Any number of statements.
    pub sql: String,
    /// Whether it runs in a transaction (`metadata.toml`).
    pub in_transaction: bool,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Applies a migration, once, and writes its version down.
    Up,
    /// Reverts one that is applied, and takes its version out.
    Down,
    /// Runs a whole structure, which has its versions in it.
    Load {
        /// Not where a migration was ever run.
        if_new: bool,
    },
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What was done to it.
    pub kind: Kind,
    /// As it stands in Diesel's table.
    pub version: String,
    /// What it is called when it is told.
    pub name: String,
    /// `false`: somebody else had done it by the time its turn came.
    pub ran: bool,
}

impl Plan {
    /// Whether doing it a second time does nothing, whatever became of the first: all of it is only
    /// done where it is missing.
    pub(crate) fn may_be_repeated(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.kind, Kind::Up | Kind::Load { if_new: true }))
    }

    /// Whether it can be one transaction.
    pub(super) fn is_one_transaction(&self) -> bool {
        self.one_transaction && self.steps.iter().all(|step| step.in_transaction)
    }
}

impl Step {
    pub(super) fn done(&self, ran: bool) -> Done {
        Done { kind: self.kind, version: self.version.clone(), name: self.name.clone(), ran }
    }
}
