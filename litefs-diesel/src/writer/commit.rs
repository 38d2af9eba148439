//! The commit of a set, and what it is worth.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::History;
use super::engine::{self, Engine, Open};
use super::group::{Begun, Ended, refuse_all};
use super::set::{Failed, Set};
use crate::error::DatabaseError;
use crate::position::Position;
use crate::request::Refusal;

impl Engine {
    pub(super) fn commit(&mut self, begun: Begun, set: Set) -> Ended {
        let epoch = begun.epoch;
        let Some(Open { conn, ledger, .. }) = self.still(epoch) else {
            // Not committed yet, so nothing of it is kept.
            self.disconnect();
            return refuse_all(set.jobs, &Refusal::NotPrimary { hint: None });
        };
        if !set.has_run() && !ledger.has_pending() {
            return self.answer_uncommitted(epoch, set);
        }
        if let Err(error) = ledger.seal(conn) {
            self.disconnect();
            let why = format!("its ledger cannot be written: {error}");
            return refuse_all(set.jobs, &Refusal::Unavailable(why));
        }
        match AnsiTransactionManager::commit_transaction(conn) {
            Ok(()) => {
                ledger.committed();
                match place(&*self.history, begun) {
                    Ok(position) => {
                        tracing::debug!(writes = set.len(), %position, "committed");
                        self.answer(set, position);
                        Ended::Answered
                    }
                    Err(why) => self.unknown(set, why),
                }
            }
            Err(error) => self.commit_failed(error, set),
        }
    }

    /// Nothing to keep, and nothing that could fail: all were rejected, or are there already.
    fn answer_uncommitted(&mut self, epoch: u64, set: Set) -> Ended {
        // Within the transaction, so that nobody has committed since what is told was found.
        let position = if self.replicated && set.tells_position() {
            self.history.position()
        } else {
            Ok(Position::ZERO)
        };
        let rolled_back = self.still(epoch).map(|open| engine::roll_back(&mut open.conn));
        match (rolled_back, position) {
            (None, _) => {
                self.disconnect();
                refuse_all(set.jobs, &Refusal::NotPrimary { hint: None })
            }
            (Some(_), Err(error)) => {
                self.disconnect();
                refuse_all(
                    set.jobs,
                    &Refusal::Unavailable(format!("LiteFS does not tell its position: {error}")),
                )
            }
            (Some(clean), Ok(position)) => {
                if !clean {
                    self.disconnect();
                }
                self.answer(set, position);
                Ended::Answered
            }
        }
    }

    fn commit_failed(&mut self, error: DieselError, set: Set) -> Ended {
        let foreign_key =
            matches!(&error, DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _));
        let error = DatabaseError::from(error);
        if engine::is_busy(&error.message) {
            // SQLite could not get the lock, and Diesel has rolled back.
            return refuse_all(set.jobs, &Refusal::Busy(error.message));
        }
        if !foreign_key {
            return self.unknown(set, &format!("its commit failed: {}", error.message));
        }
        let mut jobs = set.jobs;
        if jobs.len() > 1 {
            // A deferred key names no culprit. Halving the set finds it in a few commits.
            let second = jobs.split_off(jobs.len() / 2);
            return Ended::Again(jobs, second);
        }
        let failed = Failed::Rejected(error);
        let again = jobs.into_iter().filter_map(|job| self.fail(job, failed.clone())).collect();
        Ended::Again(again, Vec::new())
    }

    /// After a commit of which nobody can tell what it did.
    pub(super) fn unknown(&mut self, set: Set, why: &str) -> Ended {
        tracing::warn!(writes = set.len(), why, "the outcome of a commit is unknown");
        self.disconnect();
        set.answer_unknown(why);
        Ended::Answered
    }
}

/// Where a commit is. `Err`: nobody can tell whether it lasts.
pub(super) fn place(history: &dyn History, Begun { epoch, before }: Begun) -> Result<Position, &'static str> {
    match (history.primary_epoch(), history.position()) {
        (Some(now), Ok(position)) if now == epoch => match before {
            Some(before) if position.txid <= before.txid => Err("LiteFS did not take the commit"),
            _ => Ok(position),
        },
        _ => Err("the primary changed while the commit ran"),
    }
}
