//! How large one statement of a request may be.

use super::{Ask, Work, WriteRequest};
use crate::config::LimitSettings;
use crate::error::Bound;
use crate::statement::Statement;

/// How large one statement of a request may be, looked at by who sends it and by who is asked, before anything
/// of the request runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Bytes of its text; of the name of a repo or procedure, too.
    pub(crate) statement_bytes: usize,
    /// How many values are bound to it.
    pub(crate) binds: usize,
    /// Bytes of those; of the arguments, for a procedure.
    pub(crate) bind_bytes: usize,
}

impl Sizes {
    pub(crate) fn of(limits: &LimitSettings) -> Self {
        let &LimitSettings { statement_bytes, binds, bind_bytes, .. } = limits;
        Self { statement_bytes, binds, bind_bytes }
    }

    /// The bound that a write is over. A migration is a file of the application's, in a plan of its own: it
    /// has to fit a frame, and that is all.
    pub(crate) fn of_write(&self, request: &WriteRequest) -> Result<(), Bound> {
        let Ask::Run(write) = &request.ask else { return Ok(()) };
        match &write.work {
            Work::Statements(statements) => statements.iter().try_for_each(|one| self.of_statement(one)),
            Work::Call(call) => {
                self.of_name(&call.name)?;
                within("limits.bind_bytes", self.bind_bytes, call.args.len())
            }
            Work::Migrate(_) => Ok(()),
        }
    }

    /// The bound that the name of a repo or procedure is over.
    pub(crate) fn of_name(&self, name: &str) -> Result<(), Bound> {
        within("limits.statement_bytes", self.statement_bytes, name.len())
    }

    /// The bound that a statement is over.
    pub(crate) fn of_statement(&self, statement: &Statement) -> Result<(), Bound> {
        within("limits.statement_bytes", self.statement_bytes, statement.sql.len())?;
        within("limits.binds", self.binds, statement.binds.len())?;
        within("limits.bind_bytes", self.bind_bytes, statement.binds.byte_len())
    }
}

fn within(setting: &'static str, most: usize, is: usize) -> Result<(), Bound> {
    if is <= most { Ok(()) } else { Err(Bound::new(setting, most)) }
}
