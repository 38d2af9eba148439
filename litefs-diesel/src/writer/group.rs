//! Group commit: many requests, one `BEGIN IMMEDIATE`, one commit.
//!
//! A request is rejected by what it did itself, and never takes a neighbour with it: one that ends
//! the whole transaction, or makes the commit fail, is found out and run by itself, and the
//! others are run again without it.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::commit::place;
use super::engine::{self, Engine, Open};
use super::job::Job;
use super::set::{Came, Failed, Set};
use super::take_up::{Broke, Context, Taken, take_up};
use super::{Command, History, hold};
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
        let history = self.history.clone();
        let (epoch, open) = match self.ready() {
            Ok(ready) => ready,
            Err(why) => return refuse_all(jobs, &why),
        };
        let mut waiting = VecDeque::from(jobs);
        let mut set = Set::default();
        let mut begun = None;
        while let Some(job) =
            waiting.pop_front().or_else(|| more(set.len(), if set.is_heavy() { 0 } else { most }))
        {
            if !job.is_wanted() {
                job.refuse(Refusal::Expired);
                continue;
            }
            // Before it is taken: waiting for the lock is not running.
            let at = match begun {
                Some(at) => at,
                None => match begin(open, epoch, &*history, context.replicated) {
                    Ok(at) => *begun.insert(at),
                    Err(why) => {
                        waiting.push_front(job);
                        if !matches!(why, Refusal::Busy(_)) {
                            // A file of a LiteFS that went away, mostly.
                            self.disconnect();
                        }
                        return refuse_all(waiting.into(), &why);
                    }
                },
            };
            if !job.take() {
                job.refuse(Refusal::Expired);
                continue;
            }
            match take_up(open, &job, &mut set, &context) {
                Ok(Taken::Came(came)) => set.push(job, came),
                Ok(Taken::Refused(why)) => job.refuse(why),
                Err(broke) => return self.broken(at, broke, job, set, waiting),
            }
        }
        match begun {
            Some(begun) => self.commit(begun, set),
            None => Ended::Answered,
        }
    }

    /// After a request of which the whole transaction came to nothing, or ended by itself.
    fn broken(
        &mut self,
        begun: Begun,
        broke: Broke,
        job: Job,
        mut set: Set,
        waiting: VecDeque<Job>,
    ) -> Ended {
        if let Some(open) = &mut self.open {
            open.ledger.doubt();
            if engine::is_open(&mut open.conn) && !engine::roll_back(&mut open.conn) {
                self.disconnect();
            }
        }
        match broke {
            Broke::Ended(failed @ Failed::Left(_)) => self.left(begun, failed, job, set, waiting.into()),
            Broke::Ended(failed) if set.len() == 0 => {
                // Nothing ran before it: this is its true result.
                match self.fail(job, failed) {
                    Some(job) => Ended::Again(vec![job], waiting.into()),
                    None => Ended::Again(waiting.into(), Vec::new()),
                }
            }
            Broke::Ended(_) => {
                set.jobs.extend(waiting);
                // By itself, so that what it comes to is its own.
                Ended::Again(set.jobs, vec![job])
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

    /// After a procedure that ended the transaction by itself: it never runs again, and its neighbours
    /// do only when nothing of them was kept. The connection may not be what it was, and goes.
    fn left(&mut self, begun: Begun, failed: Failed, job: Job, mut set: Set, waiting: Vec<Job>) -> Ended {
        let committed = self.open.as_mut().map(|open| hold::was_committed(&mut open.conn));
        let placed = place(&*self.history, begun);
        self.disconnect();
        match (committed, placed) {
            (Some(Ok(false)), _) => set.jobs.extend(waiting),
            (Some(Ok(true)), Ok(position)) => {
                self.answer(std::mem::take(&mut set), position);
                set.jobs = waiting;
            }
            (committed, placed) => {
                let why = match (committed, placed) {
                    (Some(Ok(true)), Err(why)) => why,
                    _ => "a procedure of the same group ended its transaction, and nobody can tell how",
                };
                self.unknown(std::mem::take(&mut set), why);
                set.jobs = waiting;
            }
        }
        Ended::Again(set.jobs, self.fail(job, failed).into_iter().collect())
    }

    /// Answers a request whose failure left no transaction; or gives it back, to be entered first so
    /// that no other attempt at it can run.
    pub(super) fn fail(&mut self, job: Job, failed: Failed) -> Option<Job> {
        if let Failed::Left(why) = &failed {
            tracing::error!(repo = self.name(), why, "a procedure left its transaction");
        }
        if self.keeps_ids() && failed.is_final_for(&job.stamp) && failed.tombstone(self.replicated).is_some()
        {
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

/// What was true when the transaction of a set began.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    pub(super) epoch: u64,
    /// Where the database was, when its commits have entries: then each has a position of its own.
    pub(super) before: Option<Position>,
}

/// Opens a transaction, with the ledger in it.
fn begin(open: &mut Open, epoch: u64, history: &dyn History, replicated: bool) -> Result<Begun, Refusal> {
    begin_sql(open, epoch, "BEGIN IMMEDIATE", replicated)?;
    let Open { conn, ledger, .. } = open;
    let before = ledger.keeps_ids().then(|| history.position()).transpose().map_err(|error| {
        engine::roll_back(conn);
        Refusal::Unavailable(format!("LiteFS does not tell its position: {error}"))
    })?;
    Ok(Begun { epoch, before })
}

pub(super) fn begin_sql(
    Open { conn, ledger, allowed, .. }: &mut Open,
    epoch: u64,
    sql: &str,
    replicated: bool,
) -> Result<(), Refusal> {
    engine::begin(conn, sql, replicated)?;
    ledger.begin(conn, epoch).and_then(|()| allowed.begin(conn)).map_err(|error| {
        engine::roll_back(conn);
        Refusal::Unavailable(format!("its ledger cannot be used: {error}"))
    })
}

pub(super) fn refuse_all(jobs: Vec<Job>, why: &Refusal) -> Ended {
    jobs.into_iter().for_each(|job| job.refuse(why.clone()));
    Ended::Answered
}
