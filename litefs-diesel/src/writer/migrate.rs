//! A plan of migrations: with nothing beside it, one step after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use diesel::sqlite::SqliteConnection;

use super::busy::{At, Busy};
use super::commit::place;
use super::engine::{Engine, is_io, is_readonly};
use super::group::Begun;
use super::{History, shrink};
use crate::allowed::{Allowed, NotAllowed, Site};
use crate::migrate::{self, Cause, Failure, Fate, Plan, Step, Watch};
use crate::position::Position;
use crate::request::{Refusal, Reply, Written};

impl Engine {
    /// Runs the steps that are still to be done, without an entry in the ledger: a step's row in
    /// Diesel's table is its own. What failed is the result, with what is kept; a refusal when nothing
    /// ran, and another node or another time may do better.
    pub(super) fn run_plan(&mut self, plan: &Plan, deadline: Instant) -> Result<Written, Refusal> {
        let (history, closing) = (Arc::clone(&self.history), Arc::clone(&self.closing));
        let (history, closing, replicated) = (&*history, &*closing, self.replicated);
        let busy = Arc::clone(&self.busy);
        let (epoch, open) = self.ready()?;
        let mut steps = Steps {
            history,
            closing,
            epoch,
            deadline,
            replicated,
            allowed: Allowed::new(),
            busy: &busy,
            at: None,
            before: None,
            last: Position::ZERO,
        };
        let ended = migrate::apply(&mut open.conn, plan, &mut steps);
        if !matches!(&ended, Ok(done) if done.iter().all(|done| !done.ran)) {
            // A migration may leave settings and TEMP tables behind, and what is known of the ledger is
            // of before: the next write opens another connection.
            self.disconnect();
        }
        match ended {
            Ok(done) => {
                let position = match done.last() {
                    Some(last) if last.ran => steps.last,
                    // Whoever did it, who asked has to see it.
                    _ => steps.position().map_err(|why| Refusal::Unknown(why.to_owned()))?,
                };
                tracing::info!(repo = self.name(), steps = done.len(), %position, "migrated");
                Ok(Written { reply: Some(Reply::of_plan(Ok(&done))), position, ..Written::default() })
            }
            Err(failure) => {
                tracing::warn!(repo = self.name(), %failure, "migrations stopped");
                steps.stopped(&failure)
            }
        }
    }
}

/// A plan as it runs.
struct Steps<'a> {
    history: &'a dyn History,
    /// The node shuts down.
    closing: &'a AtomicBool,
    /// The role's, in which it began.
    epoch: u64,
    deadline: Instant,
    replicated: bool,
    /// Of this plan alone: the connection is closed after it.
    allowed: Allowed,
    busy: &'a Busy,
    at: Option<At<'a>>,
    /// Where the database was when the step began.
    before: Option<Position>,
    /// Where the last commit is.
    last: Position,
}

impl Steps<'_> {
    /// Where the database is now, in the epoch in which the plan began.
    fn position(&self) -> Result<Position, &'static str> {
        place(self.history, Begun { epoch: self.epoch, before: None })
    }

    /// What a plan that stopped is for who asked.
    fn stopped(&self, failure: &Failure) -> Result<Written, Refusal> {
        let unknown = || Refusal::Unknown(failure.to_string());
        let left = failure.left_something();
        let moved = match &failure.cause {
            Cause::Moved(_) => true,
            // A commit that ends so may have happened.
            Cause::Sql(words) if is_io(words) => {
                let failure = failure.clone().with_fate(Fate::Unknown);
                return Err(Refusal::Unknown(failure.to_string()));
            }
            Cause::Sql(words) => self.replicated && is_readonly(words),
            Cause::Locked(words) if !left => return Err(Refusal::Busy(words.clone())),
            Cause::Late if !left => return Err(Refusal::Expired),
            _ => false,
        };
        if moved && !left && failure.fate != Fate::Unknown {
            let closing = self.closing.load(Ordering::Acquire);
            return Err(if closing { Refusal::ShuttingDown } else { Refusal::NotPrimary { hint: None } });
        }
        if moved {
            return Err(unknown());
        }
        let position = if left { self.position().map_err(|_| unknown())? } else { Position::ZERO };
        Ok(Written { reply: Some(Reply::of_plan(Err(failure))), position, ..Written::default() })
    }
}

impl Watch for Steps<'_> {
    fn may_begin(&mut self, _: &Step) -> Result<(), Cause> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Cause::Moved("this node shuts down".to_owned()));
        }
        if self.history.primary_epoch() != Some(self.epoch) {
            return Err(Cause::Moved("this node is primary no more".to_owned()));
        }
        if Instant::now() >= self.deadline {
            return Err(Cause::Late);
        }
        if self.replicated {
            let position = self.history.position();
            let unseen = |error| Cause::Moved(format!("LiteFS does not tell its position: {error}"));
            self.before = Some(position.map_err(unseen)?);
        }
        Ok(())
    }

    fn may_run(&mut self, conn: &mut SqliteConnection, sql: &str) -> Result<(), Cause> {
        // Between two statements the plan itself may have made Diesel's table.
        self.allowed.made(conn).map_err(|error| Cause::of(&error))?;
        self.allowed.check(conn, sql, Site::Migration).map_err(not_allowed)?;
        if self.replicated && shrink::shrinks(sql) {
            match shrink::refused(conn) {
                Ok(None) => {}
                Ok(Some(refused)) => return Err(Cause::Refused(refused.message)),
                Err(error) => return Err(Cause::of(&error)),
            }
        }
        self.at = Some(self.busy.at(sql));
        Ok(())
    }

    fn ran(&mut self, conn: &mut SqliteConnection) -> Result<(), Cause> {
        self.at = None;
        self.allowed.defined(conn).map_err(not_allowed)
    }

    fn committed(&mut self) -> Result<(), Cause> {
        self.last = place(self.history, Begun { epoch: self.epoch, before: self.before })
            .map_err(|why| Cause::Moved(why.to_owned()))?;
        Ok(())
    }
}

fn not_allowed(why: NotAllowed) -> Cause {
    match why {
        NotAllowed::Sql(error) => Cause::of(&error),
        NotAllowed::Forbidden(_) => Cause::Refused(why.to_string()),
    }
}
