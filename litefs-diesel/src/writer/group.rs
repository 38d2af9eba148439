//! Group commit: many requests, one `BEGIN IMMEDIATE`, one commit.
//!
//! A request is rejected by what it did itself, and never takes a neighbour with it: one that ends
//! the whole transaction, or makes the commit fail, is found out and run by itself, and the
//! others are run again without it.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error as DieselError, QueryResult};
use diesel::sqlite::SqliteConnection;

use super::engine::{self, Engine};
use super::job::Job;
use super::{Command, session, shrink};
use crate::error::DatabaseError;
use crate::position::Position;
use crate::request::{Ask, Refusal, SessionUse, Write, Written};
use crate::statement::control::Control;
use crate::statement::execute::execute;
use crate::statement::{Fixed, Outcome, Prepared, Session, Want, kind, split};

/// How long a group takes requests that come while it runs. About the time of one commit on
/// LiteFS: the first one in waits at most twice as long as it would by itself.
const GATHER: Duration = Duration::from_millis(3);

/// What one request gave, before the commit.
type Ran = Result<(Vec<Outcome>, Session), DatabaseError>;

/// How a set of requests ended.
enum Ended {
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

    fn run_set(&mut self, set: Vec<Job>, more: &mut dyn FnMut(usize, usize) -> Option<Job>) -> Ended {
        let most = self.settings.max_batch;
        let replicated = self.replicated;
        let (epoch, conn) = match self.ready() {
            Ok(ready) => ready,
            Err(why) => return refuse_all(set, &why),
        };
        let mut waiting = set.into_iter().collect::<std::collections::VecDeque<_>>();
        let mut jobs: Vec<Job> = Vec::new();
        let mut results: Vec<Ran> = Vec::new();
        let mut begun = false;
        while let Some(job) = waiting.pop_front().or_else(|| more(jobs.len(), most)) {
            if !job.ticket.is_wanted() {
                job.ticket.expire();
                continue;
            }
            // Before it is taken: waiting for the lock is not running.
            if !begun {
                if let Err(why) = engine::begin(conn, "BEGIN IMMEDIATE") {
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
            let Ask::Run(write) = &job.ask else {
                job.ticket.refuse(Refusal::Absent);
                continue;
            };
            match run_in_savepoint(conn, write, replicated) {
                Ok(ran) => {
                    results.push(ran);
                    jobs.push(job);
                }
                Err(error) => {
                    if engine::is_open(conn) {
                        engine::roll_back(conn);
                    }
                    if jobs.is_empty() {
                        // Nothing ran before it: this is its true result.
                        self.reject(job, error);
                        return Ended::Again(waiting.into(), Vec::new());
                    }
                    jobs.extend(waiting);
                    return Ended::Again(jobs, vec![job]);
                }
            }
        }
        if !begun {
            return Ended::Answered;
        }
        self.commit(epoch, jobs, results)
    }

    fn commit(&mut self, epoch: u64, jobs: Vec<Job>, results: Vec<Ran>) -> Ended {
        let Some(conn) = self.still(epoch) else {
            // Not committed yet, so nothing of it is kept.
            self.disconnect();
            return refuse_all(jobs, &Refusal::NotPrimary { hint: None });
        };
        if results.iter().all(Result::is_err) {
            // Nothing to keep, and nothing that could fail.
            if !engine::roll_back(conn) {
                self.disconnect();
            }
            self.answer(jobs, results, Position::ZERO);
            return Ended::Answered;
        }
        match AnsiTransactionManager::commit_transaction(conn) {
            Ok(()) => match (self.history.primary_epoch(), self.history.position()) {
                (Some(now), Ok(position)) if now == epoch => {
                    tracing::debug!(writes = jobs.len(), %position, "committed");
                    self.answer(jobs, results, position);
                    Ended::Answered
                }
                _ => self.unknown(jobs, results, "the primary changed while the commit ran"),
            },
            Err(error) => self.commit_failed(error, jobs, results),
        }
    }

    fn commit_failed(&mut self, error: DieselError, jobs: Vec<Job>, results: Vec<Ran>) -> Ended {
        let kind = match &error {
            DieselError::DatabaseError(kind, _) => Some(*kind),
            _ => None,
        };
        match kind {
            // A deferred key names no culprit. Halving the set finds it in a few commits.
            Some(DatabaseErrorKind::ForeignKeyViolation) if jobs.len() > 1 => {
                let mut jobs = jobs;
                let second = jobs.split_off(jobs.len() / 2);
                Ended::Again(jobs, second)
            }
            Some(DatabaseErrorKind::ForeignKeyViolation) => {
                let error = DatabaseError::from(error);
                jobs.into_iter().for_each(|job| {
                    job.ticket.answer(Err(Refusal::Rejected(error.clone())));
                });
                Ended::Answered
            }
            _ => {
                let error = DatabaseError::from(error);
                if engine::is_busy(&error.message) {
                    // SQLite could not get the lock, and Diesel has rolled back.
                    return refuse_all(jobs, &Refusal::Busy(error.message));
                }
                let why = format!("its commit failed: {}", error.message);
                self.unknown(jobs, results, &why)
            }
        }
    }

    /// After a commit of which nobody can tell what it did. What had been rejected is still sure
    /// not to have run.
    fn unknown(&mut self, jobs: Vec<Job>, results: Vec<Ran>, why: &str) -> Ended {
        tracing::warn!(writes = jobs.len(), why, "the outcome of a commit is unknown");
        self.disconnect();
        for (job, ran) in jobs.into_iter().zip(results) {
            job.ticket.answer(Err(match ran {
                Ok(_) => Refusal::Unknown(why.to_owned()),
                Err(_) => Refusal::Refused(why.to_owned()),
            }));
        }
        Ended::Answered
    }

    /// Runs a request outside any transaction: `VACUUM` cannot run within one.
    pub(super) fn run_alone(&mut self, job: Job) {
        if !job.ticket.take() {
            return job.ticket.expire();
        }
        let Ask::Run(write) = &job.ask else { return job.ticket.refuse(Refusal::Absent) };
        let replicated = self.replicated;
        let (epoch, conn) = match self.ready() {
            Ok(ready) => ready,
            Err(error) => return job.ticket.answer(Err(error)),
        };
        let shrinks = write.statements().iter().any(|statement| shrink::shrinks(&statement.sql));
        let refused = if replicated && shrinks { shrink::refused(conn) } else { Ok(None) };
        let result = match refused {
            Ok(None) => run(conn, write),
            Ok(Some(refused)) => Err(refused),
            Err(error) => Err(error.into()),
        };
        let still = self.history.primary_epoch() == Some(epoch);
        job.ticket.answer(match (result, self.history.position()) {
            (Ok((outcomes, session)), Ok(position)) if still => {
                Ok(Written { outcomes, reply: None, session, position })
            }
            (Ok(_), _) => Err(Refusal::Unknown("the primary changed while it ran".into())),
            // It commits by itself, and a commit that fails so may have happened.
            (Err(error), _) if engine::is_io(&error.message) => Err(Refusal::Unknown(error.message)),
            (Err(error), _) => Err(self.verdict(error)),
        });
    }

    fn answer(&mut self, jobs: Vec<Job>, results: Vec<Ran>, position: Position) {
        for (job, ran) in jobs.into_iter().zip(results) {
            match ran {
                Ok((outcomes, session)) => {
                    job.ticket.answer(Ok(Written { outcomes, reply: None, session, position }))
                }
                Err(error) => self.reject(job, error),
            }
        }
    }

    /// Answers a request of which nothing is kept.
    fn reject(&mut self, job: Job, error: DatabaseError) {
        let verdict = self.verdict(error);
        if !matches!(verdict, Refusal::Rejected(_)) {
            self.disconnect();
        }
        job.ticket.answer(Err(verdict));
    }
}

fn refuse_all(jobs: Vec<Job>, why: &Refusal) -> Ended {
    jobs.into_iter().for_each(|job| job.ticket.refuse(why.clone()));
    Ended::Answered
}

/// Runs a request so that its failure takes back what it did and nothing else. `Err` when it ended
/// the whole transaction.
fn run_in_savepoint(
    conn: &mut SqliteConnection,
    write: &Write,
    replicated: bool,
) -> Result<Ran, DatabaseError> {
    let shrinks = |conn| if replicated { shrink::refused_in(conn, write.statements()) } else { None };
    if let Some(refused) = refused(write).or_else(|| shrinks(conn)) {
        return Ok(Err(refused));
    }
    if let Err(error) = fixed::<Savepoint>(conn) {
        return Ok(Err(error.into()));
    }
    let ran = run(conn, write);
    if ran.is_err() && !engine::is_open(conn) {
        return Err(ran.err().unwrap_or_else(|| DatabaseError::other("the transaction ended")));
    }
    let closed = match &ran {
        Ok(_) => fixed::<Release>(conn),
        Err(_) => fixed::<RollBack>(conn).and_then(|()| fixed::<Release>(conn)),
    };
    match closed {
        Ok(()) => Ok(ran),
        Err(error) => Err(error.into()),
    }
}

fn run(conn: &mut SqliteConnection, write: &Write) -> Ran {
    if let Some(session) = write.session.brought() {
        session::restore(conn, session, write.statements())?;
    }
    let outcomes = write
        .statements()
        .iter()
        .map(|statement| {
            let mut outcome = execute(conn, statement)?;
            if statement.want == Want::Count && !kind::sets_session(&statement.sql) {
                // SQLite says what the connection's last write changed, and that was anybody's.
                outcome.count = 0;
            }
            Ok(outcome)
        })
        .collect::<QueryResult<Vec<_>>>()?;
    let session = match write.session {
        SessionUse::None => Session::default(),
        SessionUse::Told | SessionUse::Brought(_) => session::read(conn)?,
    };
    Ok((outcomes, session))
}

/// A statement that would end the group's transaction, and with it what the neighbours did.
fn refused(write: &Write) -> Option<DatabaseError> {
    let control = |sql: &str| Control::parse(sql).map(|_| split::from_first_token(sql).to_owned());
    let text = write.statements().iter().find_map(|statement| match statement.want {
        // SQLite runs the first statement of a text that is prepared, and no other.
        Want::Count | Want::Rows => control(&statement.sql),
        Want::Batch => split::split(&statement.sql).iter().find_map(|part| control(part.sql)),
    })?;
    Some(DatabaseError::other(format!(
        "`{text}` cannot be sent as a statement: use `transaction` on the repo or the connection"
    )))
}

fn fixed<F: Fixed>(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.execute_returning_count(&Prepared::<F>::NEW).map(drop)
}

struct Savepoint;
impl Fixed for Savepoint {
    const SQL: &'static str = "SAVEPOINT litefs_diesel_request";
}

struct Release;
impl Fixed for Release {
    const SQL: &'static str = "RELEASE litefs_diesel_request";
}

struct RollBack;
impl Fixed for RollBack {
    const SQL: &'static str = "ROLLBACK TO litefs_diesel_request";
}
