//! Migrations as a write, and how they ended as its result.

use super::{Reply, SessionUse, Work, Write, Written};
use crate::bounded;
use crate::migrate::{Done, Failure, Plan};

impl Write {
    /// Runs a plan.
    pub(crate) fn migrate(plan: Plan) -> Self {
        Self { work: Work::Migrate(plan), session: SessionUse::None, alone: true, key: None }
    }
}

impl Reply {
    /// How a plan ended. Unlike that of a procedure, an error may leave something: what it says.
    pub(crate) fn of_plan(ended: Result<&[Done], &Failure>) -> Self {
        // Fails for types without a known length only, and ours have none.
        match ended {
            Ok(done) => Self::Ok(postcard::to_allocvec(done).unwrap_or_default()),
            Err(failure) => Self::Err(postcard::to_allocvec(failure).unwrap_or_default()),
        }
    }
}

impl Written {
    /// How the plan ended that this is the result of; the outer error says that it is none.
    pub(crate) fn plan(&self) -> Result<Result<Vec<Done>, Failure>, String> {
        let read = match &self.reply {
            Some(Reply::Ok(bytes)) => bounded::read(bytes).map(Ok),
            Some(Reply::Err(bytes)) => bounded::read(bytes).map(Err),
            None => return Err("the primary gave nothing for the migrations".to_owned()),
        };
        read.map_err(|error| format!("what the primary says of the migrations cannot be read: {error}"))
    }
}
