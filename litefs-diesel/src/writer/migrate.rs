//! A plan of migrations: with nothing beside it, one step after the other.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::busy::{At, Busy};
use super::commit::place;
use super::engine::{Engine, is_gone, is_io, is_readonly};
use super::group::Begun;
use super::{History, shrink};
use crate::allowed::{Allowed, NotAllowed, Site};
use crate::config::RepoSettings;
use crate::migrate::{self, Cause, Failure, Fate, Lock, Plan, Step, Watch};
use crate::position::Position;
use crate::request::{Refusal, Reply, Written};

impl Engine {
    /// Runs the steps that are still to be done, without an entry in the ledger: a step's row in
    /// Diesel's table is its own. What failed is the result, with what is kept; a refusal when nothing
    /// ran, and another node or another time may do better.
    pub(super) fn run_plan(&mut self, plan: &Plan, deadline: Instant) -> Result<Written, Refusal> {
        let around = self.around();
        let (epoch, open) = self.ready()?;
        let mut steps = Steps { deadline: Some(deadline), ..Steps::new(around, epoch, deadline) };
        let changed = wait_until(&mut open.conn, deadline);
        let ended = match &changed {
            Ok(_) => migrate::apply(&mut open.conn, plan, &mut steps),
            Err(error) => Err(Failure::before(error)),
        };
        if !matches!((&ended, &changed), (Ok(done), Ok(false)) if done.iter().all(|done| !done.ran)) {
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

/// No lock is waited for beyond the deadline, so that whoever asked is told that it was one. Whether the
/// connection's own time was longer.
fn wait_until(conn: &mut SqliteConnection, deadline: Instant) -> QueryResult<bool> {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    let own =
        diesel::dsl::sql::<BigInt>("SELECT timeout FROM pragma_busy_timeout").get_result::<i64>(conn)?;
    let longer = u128::try_from(own).is_ok_and(|own| own > left);
    if longer {
        conn.batch_execute(&format!("PRAGMA busy_timeout = {left}"))?;
    }
    Ok(longer)
}

/// What a plan is run in.
#[derive(Clone)]
pub(super) struct Around {
    pub(super) history: Arc<dyn History>,
    /// The node shuts down.
    pub(super) closing: Arc<AtomicBool>,
    /// The database's.
    pub(super) folder: PathBuf,
    pub(super) replicated: bool,
    /// Who is told of each statement.
    busy: Arc<Busy>,
}

impl Engine {
    pub(super) fn around(&self) -> Around {
        Around {
            history: Arc::clone(&self.history),
            closing: Arc::clone(&self.closing),
            folder: folder(&self.settings).to_owned(),
            replicated: self.replicated,
            busy: Arc::clone(&self.busy),
        }
    }
}

/// The folder of a repo's database.
fn folder(settings: &RepoSettings) -> &Path {
    settings.database.file().parent().unwrap_or(Path::new("/"))
}

/// A plan as it runs, on the writer's thread or in the migrations tool's own process.
pub(crate) struct Steps {
    around: Around,
    /// The role's, in which it began.
    epoch: u64,
    /// No step begins after it.
    deadline: Option<Instant>,
    /// How long other processes' migrations are waited for.
    patience: Instant,
    /// From the first step on.
    lock: Option<Option<Lock>>,
    /// Of this plan alone: the connection is closed after it.
    allowed: Allowed,
    /// The statement that runs.
    at: Option<At>,
    /// Where the database was when the step began.
    before: Option<Position>,
    /// Where the last commit is.
    last: Position,
}

impl Steps {
    /// Of a plan that begins in that epoch.
    pub(super) fn new(around: Around, epoch: u64, patience: Instant) -> Self {
        Self {
            around,
            epoch,
            deadline: None,
            patience,
            lock: None,
            allowed: Allowed::new(),
            at: None,
            before: None,
            last: Position::ZERO,
        }
    }

    /// Keeps the plan apart from those of other processes, for as long as this is kept.
    fn lock(&self) -> Result<Option<Lock>, Cause> {
        let Around { folder, closing, .. } = &self.around;
        let may_wait = || !closing.load(Ordering::Acquire);
        Lock::take(folder, self.patience, may_wait).map_err(|error| match error.kind() {
            _ if !may_wait() => shutting_down(),
            ErrorKind::WouldBlock => {
                let folder = folder.display();
                Cause::Locked(format!("others run migrations on the databases of {folder} all the time"))
            }
            _ => Cause::Refused(format!("{} cannot be locked: {error}", folder.display())),
        })
    }

    /// Where the database is now, in the epoch in which the plan began.
    fn position(&self) -> Result<Position, &'static str> {
        place(&*self.around.history, Begun { epoch: self.epoch, before: None })
    }

    /// What a plan that stopped is for who asked.
    pub(crate) fn stopped(&self, failure: &Failure) -> Result<Written, Refusal> {
        let unknown = || Refusal::Unknown(failure.to_string());
        let left = failure.left_something();
        let moved = match &failure.cause {
            Cause::Moved(_) => true,
            // A commit that ends so may have happened.
            Cause::Sql(words) if is_io(words) || self.around.replicated && is_gone(words) => {
                let failure = failure.clone().with_fate(Fate::Unknown);
                return Err(Refusal::Unknown(failure.to_string()));
            }
            Cause::Sql(words) => self.around.replicated && is_readonly(words),
            Cause::Locked(words) if !left => return Err(Refusal::Busy(words.clone())),
            Cause::Late if !left => return Err(Refusal::Expired),
            _ => false,
        };
        if moved && !left && failure.fate != Fate::Unknown {
            let closing = self.around.closing.load(Ordering::Acquire);
            return Err(if closing { Refusal::ShuttingDown } else { Refusal::NotPrimary { hint: None } });
        }
        if moved {
            return Err(unknown());
        }
        let position = if left { self.position().map_err(|_| unknown())? } else { Position::ZERO };
        Ok(Written { reply: Some(Reply::of_plan(Err(failure))), position, ..Written::default() })
    }
}

impl Watch for Steps {
    fn may_begin(&mut self, _: &Step) -> Result<(), Cause> {
        if self.around.closing.load(Ordering::Acquire) {
            return Err(shutting_down());
        }
        if self.lock.is_none() {
            self.lock = Some(self.lock()?);
        }
        if self.around.history.primary_epoch() != Some(self.epoch) {
            return Err(Cause::Moved("this node is primary no more".to_owned()));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Cause::Late);
        }
        if self.around.replicated {
            let position = self.around.history.position();
            let unseen = |error| Cause::Moved(format!("LiteFS does not tell its position: {error}"));
            self.before = Some(position.map_err(unseen)?);
        }
        Ok(())
    }

    fn may_run(&mut self, conn: &mut SqliteConnection, sql: &str) -> Result<(), Cause> {
        // Between two statements the plan itself may have made Diesel's table.
        self.allowed.made(conn).map_err(|error| Cause::of(&error))?;
        self.allowed.check(conn, sql, Site::Migration).map_err(not_allowed)?;
        if self.around.replicated && shrink::shrinks(sql) {
            match shrink::refused(conn) {
                Ok(None) => {}
                Ok(Some(refused)) => return Err(Cause::Refused(refused.message)),
                Err(error) => return Err(Cause::of(&error)),
            }
        }
        // The end of one that failed would else be taken for that of this one.
        self.at = None;
        self.at = Some(self.around.busy.at(sql));
        Ok(())
    }

    fn ran(&mut self, conn: &mut SqliteConnection) -> Result<(), Cause> {
        self.at = None;
        self.allowed.defined(conn).map_err(not_allowed)
    }

    fn committed(&mut self) -> Result<(), Cause> {
        self.last = place(&*self.around.history, Begun { epoch: self.epoch, before: self.before })
            .map_err(|why| Cause::Moved(why.to_owned()))?;
        Ok(())
    }
}

fn shutting_down() -> Cause {
    Cause::Moved("this node shuts down".to_owned())
}

fn not_allowed(why: NotAllowed) -> Cause {
    match why {
        NotAllowed::Sql(error) => Cause::of(&error),
        NotAllowed::Forbidden(_) => Cause::Refused(why.to_string()),
    }
}
