//! Transactions that are run again when they did not run.

use std::time::Instant;

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use diesel::result::Error as DieselError;

use super::litefs_connection::{LitefsConnection, Way};
use crate::error::{Error, NotExecuted};
use crate::pauses::turned_away;

impl LitefsConnection {
    /// Runs a transaction as `transaction` does, and once more, in a new transaction, when one did
    /// not run: the primary moved in its middle, its queue was full, the connection to it was lost
    /// before the commit ([`Error::NotExecuted`]). It goes on so, with pauses, for the repo's
    /// `timeout`, and gives the last error then. What would end in the same way each time
    /// ([`NotExecuted::TooLarge`], [`Refused`](NotExecuted::Refused),
    /// [`ShuttingDown`](NotExecuted::ShuttingDown),
    /// [`UnknownProcedure`](NotExecuted::UnknownProcedure)) it gives at once.
    ///
    /// It never runs again when anything of it may be kept: not after
    /// [`Error::Unknown`], [`Error::Lost`] or one that says that it is committed; and not after an
    /// error of the closure's own or of the database.
    ///
    /// **The closure may run more than once**, so it must have no effect but that of its statements on
    /// this connection: no mail, no counter of its own, no message to another service. What it has
    /// read in one run may be otherwise in the next.
    ///
    /// On a connection that is alone it runs once.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use litefs_diesel::LitefsConnection;
    ///
    /// diesel::table! { accounts { id -> Integer, cents -> BigInt, } }
    /// use accounts::{cents, table};
    ///
    /// # let mut conn = LitefsConnection::establish(":memory:")?;
    /// # diesel::sql_query("CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL)").execute(&mut conn)?;
    /// # diesel::sql_query("INSERT INTO accounts VALUES (1, 500)").execute(&mut conn)?;
    /// let left: i64 = conn.retrying_transaction(|conn| {
    ///     let has: i64 = table.find(1).select(cents).first(conn)?;
    ///     diesel::update(table.find(1)).set(cents.eq(has - 100)).execute(conn)?;
    ///     QueryResult::Ok(has - 100)
    /// })?;
    /// assert_eq!(left, 400);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As `transaction`; [`DieselError::AlreadyInTransaction`] in a transaction, of which it could not
    /// run more than its own part again.
    pub fn retrying_transaction<T, E, F>(&mut self, mut f: F) -> Result<T, E>
    where
        F: FnMut(&mut Self) -> Result<T, E>,
        E: From<DieselError>,
    {
        let status = AnsiTransactionManager::transaction_manager_status_mut(self);
        if status.transaction_depth()?.is_some() {
            return Err(DieselError::AlreadyInTransaction.into());
        }
        let Some(deadline) = self.deadline() else { return self.transaction(f) };
        let before = self.bound(Some(deadline));
        let done = self.run_again_until(deadline, &mut f);
        self.bound(before);
        done
    }

    fn run_again_until<T, E>(
        &mut self,
        deadline: Instant,
        f: &mut impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DieselError>,
    {
        for pause in turned_away() {
            let done = self.transaction(&mut *f);
            if done.is_ok() || !self.is_unexecuted() || Instant::now() + pause >= deadline {
                return done;
            }
            tracing::debug!("a transaction did not run, and is run again");
            std::thread::sleep(pause);
        }
        self.transaction(f)
    }

    /// Whether the last transaction ended without having run, and may run again.
    fn is_unexecuted(&self) -> bool {
        match &self.way {
            Way::Alone(_) => false,
            Way::Node(node) => node.unexecuted,
        }
    }
}

/// Whether what this outcome ended did not run, and has a chance another time.
pub(super) fn may_run_again(error: &Error) -> bool {
    use NotExecuted::{Refused, ShuttingDown, TooLarge, UnknownProcedure};
    match error {
        Error::NotExecuted(ShuttingDown | Refused(_) | TooLarge(_) | UnknownProcedure { .. }) => false,
        Error::NotExecuted(_) => true,
        _ => false,
    }
}
