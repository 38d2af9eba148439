//! A request outside any transaction: `VACUUM` cannot run within one, and migrations have their own.

use super::engine::{self, Engine};
use super::job::Job;
use super::{savepoint, shrink};
use crate::allowed::Site;
use crate::request::{Ask, Refusal, Work, Write, Written};
use crate::statement::Most;

impl Engine {
    /// Runs it with nothing beside it and no entry in the ledger.
    pub(super) fn run_alone(&mut self, job: Job) {
        if !job.ticket.take() {
            return job.ticket.expire();
        }
        let answer = match &job.ask {
            Ask::Run(Write { work: Work::Migrate(plan), .. }) => self.run_plan(plan, job.ticket.deadline()),
            Ask::Run(write) => self.run_by_itself(write, job.most),
            _ => Err(Refusal::Absent),
        };
        job.ticket.answer(answer);
    }

    fn run_by_itself(&mut self, write: &Write, mut most: Most) -> Result<Written, Refusal> {
        let replicated = self.replicated;
        let (epoch, open) = self.ready()?;
        let shrinks = write.statements().iter().any(|statement| shrink::shrinks(&statement.sql));
        let refused = if replicated && shrinks { shrink::refused(&mut open.conn) } else { Ok(None) };
        let result = match refused {
            Ok(None) => savepoint::run(open, write, Site::Alone, &mut most),
            Ok(Some(refused)) => Err(refused),
            Err(error) => Err(error.into()),
        };
        let still = self.history.primary_epoch() == Some(epoch);
        match (result, self.history.position()) {
            (Ok(written), Ok(position)) if still => Ok(Written { position, ..written }),
            (Ok(_), _) => Err(Refusal::Unknown("the primary changed while it ran".into())),
            // It commits by itself, and a commit that fails so may have happened.
            (Err(error), _)
                if engine::is_io(&error.message) || replicated && engine::is_gone(&error.message) =>
            {
                Err(Refusal::Unknown(error.message))
            }
            (Err(error), _) => Err(engine::verdict(error, replicated)),
        }
    }
}
