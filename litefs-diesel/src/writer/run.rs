//! One statement for somebody: looked at, run, and looked after.

use diesel::connection::SimpleConnection;

use super::engine::Open;
use super::savepoint;
use crate::allowed::{Effect, Site};
use crate::error::DatabaseError;
use crate::statement::execute::execute_within;
use crate::statement::{Most, Outcome, Statement, Want, split};

impl Open {
    /// Runs it if it may run at that place. What a batch did before one that may not is kept, as
    /// before one that fails. So is what a statement did whose result is more than `most`.
    pub(super) fn run(
        &mut self,
        statement: &Statement,
        place: Site,
        most: &mut Most,
    ) -> Result<Outcome, DatabaseError> {
        match statement.want {
            Want::Count | Want::Rows => {
                let mut outcome = Outcome::default();
                self.one(&statement.sql, place, |conn| {
                    outcome = execute_within(conn, statement, most)?;
                    Ok(())
                })?;
                Ok(outcome)
            }
            Want::Batch => {
                for part in split::split(&statement.sql) {
                    self.one(part.sql, place, |conn| conn.batch_execute(part.sql))?;
                }
                Ok(Outcome::default())
            }
        }
    }

    #[inline]
    fn one(
        &mut self,
        sql: &str,
        place: Site,
        run: impl FnOnce(&mut diesel::SqliteConnection) -> diesel::QueryResult<()>,
    ) -> Result<(), DatabaseError> {
        let Self { conn, allowed, busy, .. } = self;
        let effect = allowed.check(conn, sql, place)?;
        let _at = busy.at(sql);
        match effect {
            Effect::Rows => Ok(run(conn)?),
            Effect::Controls => {
                run(conn)?;
                allowed.rolled_back();
                Ok(())
            }
            Effect::Defines => {
                savepoint::open(conn)?;
                let ran = run(conn).map_err(DatabaseError::from).and_then(|()| Ok(allowed.defined(conn)?));
                let closed = savepoint::close(conn, ran.is_ok());
                if ran.is_err() {
                    allowed.rolled_back();
                }
                ran.and(closed)
            }
        }
    }
}
