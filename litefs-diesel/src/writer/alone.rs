//! A request outside any transaction: `VACUUM` cannot run within one.

use super::engine::{self, Engine};
use super::job::Job;
use super::{savepoint, shrink};
use crate::request::{Ask, Refusal, Written};

impl Engine {
    /// Runs it with nothing beside it and no entry in the ledger.
    pub(super) fn run_alone(&mut self, job: Job) {
        if !job.ticket.take() {
            return job.ticket.expire();
        }
        let Ask::Run(write) = &job.ask else { return job.ticket.refuse(Refusal::Absent) };
        let replicated = self.replicated;
        let (epoch, open) = match self.ready() {
            Ok(ready) => ready,
            Err(error) => return job.ticket.answer(Err(error)),
        };
        let conn = &mut open.conn;
        let shrinks = write.statements().iter().any(|statement| shrink::shrinks(&statement.sql));
        let refused = if replicated && shrinks { shrink::refused(conn) } else { Ok(None) };
        let result = match refused {
            Ok(None) => savepoint::run(conn, write),
            Ok(Some(refused)) => Err(refused),
            Err(error) => Err(error.into()),
        };
        let still = self.history.primary_epoch() == Some(epoch);
        job.ticket.answer(match (result, self.history.position()) {
            (Ok(written), Ok(position)) if still => Ok(Written { position, ..written }),
            (Ok(_), _) => Err(Refusal::Unknown("the primary changed while it ran".into())),
            // It commits by itself, and a commit that fails so may have happened.
            (Err(error), _) if engine::is_io(&error.message) => Err(Refusal::Unknown(error.message)),
            (Err(error), _) => Err(engine::verdict(error, replicated)),
        });
    }
}
