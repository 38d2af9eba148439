//! Group commit: many requests, one `BEGIN IMMEDIATE`, one commit.
//!
//! A request is rejected by what it did itself, and never takes a neighbour with it: one that ends
//! the whole transaction, or makes the commit fail, is found out and run by itself, and the
//! others are run again without it.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::Command;
use super::engine::{self, Engine, Open};
use super::job::Job;
use super::set::{Came, Failed, Set};
use super::take_up::{Broke, Context, Taken, take_up};
use crate::position::Position;
use crate::request::Refusal;

/// How long a group takes requests that come while it runs. About the time of one commit on
/// LiteFS: the first one in waits at most twice as long as it would by itself.
const GATHER: Duration = Duration::from_millis(3);

/// How a set of requests ended.
pub(super) enum Ended {
    /// All are answered.
    Answered,
    /// Run these again, the first set first.
    Again(Vec<Job>, Vec<Job>),
}

impl Engine {
    /// Runs a request and what is queued behind it. Gives back a command that belongs to no group.
    pub(super) fn run_group(&mut self, first: Job, commands: &Receiver<Command>) -> Option<Command> {
        let mut left = None;
        let started = Instant::now();
        let mut more = |taken: usize, most: usize| {
            if left.is_some() || taken >= most || started.elapsed() > GATHER {
                return None;
            }
            match commands.try_recv().ok()? {
                Command::Write(job) if !job.is_alone() => Some(job),
                other => {
                    left = Some(other);
                    None
                }
            }
        };
        let mut work = match self.run_set(vec![first], &mut more) {
            Ended::Answered => return left,
            Ended::Again(first, second) => vec![second, first],
        };
        while let Some(set) = work.pop() {
            if let Ended::Again(first, second) = self.run_set(set, &mut |_, _| None) {
                work.extend([second, first]);
            }
        }
        left
    }

    fn run_set(&mut self, jobs: Vec<Job>, more: &mut dyn FnMut(usize, usize) -> Option<Job>) -> Ended {
        let most = self.settings.max_batch;
        let context = Context { replicated: self.replicated, procedures: self.procedures.clone() };
        let (epoch, open) = match self.ready() {
            Ok(ready) => ready,
            Err(why) => return refuse_all(jobs, &why),
        };
        let mut waiting = VecDeque::from(jobs);
        let mut set = Set::default();
        let mut begun = false;
        while let Some(job) = waiting.pop_front().or_else(|| more(set.len(), most)) {
            if !job.ticket.is_wanted() {
                job.ticket.expire();
                continue;
            }
            // Before it is taken: waiting for the lock is not running.
            if !begun {
                if let Err(why) = begin(open, epoch) {
                    waiting.push_front(job);
                    if !matches!(why, Refusal::Busy(_)) {
                        // A file of a LiteFS that went away, mostly.
                        self.disconnect();
                    }
                    return refuse_all(waiting.into(), &why);
                }
                begun = true;
            }
            if !job.ticket.take() {
                job.ticket.expire();
                continue;
            }
            match take_up(open, &job, &mut set, &context) {
                Ok(Taken::Came(came)) => set.push(job, came),
                Ok(Taken::Refused(why)) => job.ticket.refuse(why),
                Err(broke) => return self.broken(broke, job, set, waiting),
            }
        }
        if begun { self.commit(epoch, set) } else { Ended::Answered }
    }

    /// After a request of which the whole transaction came to nothing.
    fn broken(&mut self, broke: Broke, job: Job, mut set: Set, waiting: VecDeque<Job>) -> Ended {
        if let Some(open) = &mut self.open {
            open.ledger.doubt();
            if engine::is_open(&mut open.conn) && !engine::roll_back(&mut open.conn) {
                self.disconnect();
            }
        }
        match broke {
            Broke::Ended(failed) if set.len() == 0 => {
                // Nothing ran before it: this is its true result.
                match self.fail(job, failed) {
                    Some(job) => Ended::Again(vec![job], waiting.into()),
                    None => Ended::Again(waiting.into(), Vec::new()),
                }
            }
            Broke::Ended(failed) => {
                set.jobs.extend(waiting);
                let job = match failed {
                    // By itself, so that what it comes to is its own.
                    Failed::Rejected(_) | Failed::Reply(_) => Some(job),
                    // Never again.
                    Failed::Left(_) => self.fail(job, failed),
                };
                Ended::Again(set.jobs, job.into_iter().collect())
            }
            Broke::Ledger(error) => {
                self.disconnect();
                let why = match engine::verdict(error, self.replicated) {
                    Refusal::Rejected(error) => {
                        Refusal::Unavailable(format!("its ledger cannot be used: {}", error.message))
                    }
                    why => why,
                };
                set.jobs.push(job);
                set.jobs.extend(waiting);
                refuse_all(set.jobs, &why)
            }
        }
    }

    /// Answers a request whose failure left no transaction; or gives it back, to be entered first so
    /// that no other attempt at it can run.
    pub(super) fn fail(&mut self, job: Job, failed: Failed) -> Option<Job> {
        if let Failed::Left(why) = &failed {
            tracing::error!(repo = self.name(), why, "a procedure left its transaction");
        }
        let keeps = self.open.as_ref().is_some_and(|open| open.ledger.keeps_ids());
        if keeps && failed.is_final_for(&job.stamp) && failed.tombstone(self.replicated).is_some() {
            return Some(Job { failed: Some(Box::new(failed)), ..job });
        }
        let mut set = Set::default();
        set.push(job, Came::Failed(failed, false));
        self.answer(set, Position::ZERO);
        None
    }

    pub(super) fn answer(&mut self, set: Set, position: Position) {
        if set.answer(position, self.replicated) {
            self.disconnect();
        }
    }
}

/// Opens a transaction, with the ledger in it.
pub(super) fn begin(Open { conn, ledger, .. }: &mut Open, epoch: u64) -> Result<(), Refusal> {
    begin_sql(conn, ledger, epoch, "BEGIN IMMEDIATE")
}

pub(super) fn begin_sql(
    conn: &mut diesel::sqlite::SqliteConnection,
    ledger: &mut crate::ledger::Ledger,
    epoch: u64,
    sql: &str,
) -> Result<(), Refusal> {
    engine::begin(conn, sql)?;
    ledger.begin(conn, epoch).map_err(|error| {
        engine::roll_back(conn);
        Refusal::Unavailable(format!("its ledger cannot be used: {error}"))
    })
}

pub(super) fn refuse_all(jobs: Vec<Job>, why: &Refusal) -> Ended {
    jobs.into_iter().for_each(|job| job.ticket.refuse(why.clone()));
    Ended::Answered
}
