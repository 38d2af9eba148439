//! What whoever runs a plan has to say between its steps.

use diesel::sqlite::SqliteConnection;

use super::{Cause, Step};

/// Sees a plan run, and may stop it. A closure of the steps that begin is one that never does.
pub trait Watch {
    /// A transaction is about to begin, and with it this step: the plan stops before it on an error.
    ///
    /// # Errors
    /// Why it must not begin.
    fn may_begin(&mut self, _: &Step) -> Result<(), Cause> {
        Ok(())
    }

    /// A step that nobody has done yet begins.
    fn begins(&mut self, _: &Step) {}

    /// A statement of a step is about to run: an error fails the step.
    ///
    /// # Errors
    /// Why it must not run on this database.
    fn may_run(&mut self, _: &mut SqliteConnection, _sql: &str) -> Result<(), Cause> {
        Ok(())
    }

    /// That statement ran: an error fails the step, in whose transaction it still is, if it has one.
    ///
    /// # Errors
    /// Why what it did must not be kept.
    fn ran(&mut self, _: &mut SqliteConnection) -> Result<(), Cause> {
        Ok(())
    }

    /// What ran is committed, says SQLite.
    ///
    /// # Errors
    /// Why nobody can tell whether it lasts: the plan stops.
    fn committed(&mut self) -> Result<(), Cause> {
        Ok(())
    }
}

impl<F: FnMut(&Step)> Watch for F {
    fn begins(&mut self, step: &Step) {
        self(step);
    }
}
