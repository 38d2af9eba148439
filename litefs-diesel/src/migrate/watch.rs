//! What whoever runs a plan has to say between its steps.

use diesel::sqlite::SqliteConnection;

use super::{Cause, Step};

/// Sees a plan run, and may stop it. A closure of the steps that begin is one that never does. What may stop
/// it has no default: one that passes another's word on cannot forget a part of it.
pub trait Watch {
    /// A transaction is about to begin, and with it this step: the plan stops before it on an error.
    ///
    /// # Errors
    /// Why it must not begin.
    fn may_begin(&mut self, step: &Step) -> Result<(), Cause>;

    /// A step that nobody has done yet begins.
    fn begins(&mut self, _: &Step) {}

    /// A statement of a step is about to run: an error fails the step.
    ///
    /// # Errors
    /// Why it must not run on this database.
    fn may_run(&mut self, conn: &mut SqliteConnection, sql: &str) -> Result<(), Cause>;

    /// That statement ran: an error fails the step, in whose transaction it still is, if it has one.
    ///
    /// # Errors
    /// Why what it did must not be kept.
    fn ran(&mut self, conn: &mut SqliteConnection) -> Result<(), Cause>;

    /// What ran is committed, says SQLite.
    ///
    /// # Errors
    /// Why nobody can tell whether it lasts: the plan stops.
    fn committed(&mut self) -> Result<(), Cause>;
}

impl<F: FnMut(&Step)> Watch for F {
    fn may_begin(&mut self, _: &Step) -> Result<(), Cause> {
        Ok(())
    }

    fn may_run(&mut self, _: &mut SqliteConnection, _: &str) -> Result<(), Cause> {
        Ok(())
    }

    fn ran(&mut self, _: &mut SqliteConnection) -> Result<(), Cause> {
        Ok(())
    }

    fn committed(&mut self) -> Result<(), Cause> {
        Ok(())
    }

    fn begins(&mut self, step: &Step) {
        self(step);
    }
}
