//! A transaction that is open on the primary, as this connection sees it.

use diesel::result::{Error as DieselError, QueryResult};

use super::fault;
use super::node::NodeConnection;
use super::reading::{OnlyReads, writes};
use super::retry::may_run_again;
use super::session::Sets;
use crate::error::{CommittedValue, Error, NotExecuted};
use crate::request::{Ack, Begin, CommitFailure, Transaction};
use crate::statement::control::{Control, Mode};
use crate::statement::{Outcome, Statement, Want};
use crate::value::Values;

/// Whether a transaction is open, and where.
pub(super) enum State {
    None,
    Open(Open),
    /// It ended on the way, and who holds it does not know yet. Nothing may run outside of it in
    /// its stead until he ends it.
    Lost(String),
}

/// A transaction that is open on the primary. Dropping it rolls it back.
pub(super) struct Open {
    remote: Box<dyn Transaction>,
    /// The savepoints that are open in it, in order.
    savepoints: Vec<String>,
    /// It began with a `SAVEPOINT`, whose `RELEASE` commits.
    by_savepoint: bool,
    /// It is one that only reads.
    only_reads: Option<OnlyReads>,
}

impl State {
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl Open {
    /// Where the savepoint of a name stands: the last one of that name, in any case.
    fn position(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|savepoint| savepoint.eq_ignore_ascii_case(name))
    }
}

impl NodeConnection {
    /// Runs transaction control, given as SQL.
    pub(super) fn control(&mut self, control: Control, sql: &str) -> QueryResult<()> {
        match control {
            Control::Begin(mode) => self.begin(mode),
            Control::Commit => self.commit(),
            Control::Rollback => self.rollback(),
            Control::Savepoint(name) => {
                let by_savepoint = self.transaction.is_none();
                if by_savepoint {
                    self.begin(Mode::Deferred)?;
                }
                let marked = self.mark(sql);
                match (&mut self.transaction, &marked) {
                    (State::Open(open), Ok(())) => {
                        open.by_savepoint |= by_savepoint;
                        open.savepoints.push(name);
                    }
                    (State::Open(_), Err(_)) if by_savepoint => self.transaction = State::None,
                    _ => {}
                }
                marked
            }
            Control::Release(name) => match &self.transaction {
                State::None => Err(no_such_savepoint(&name)),
                State::Open(open) if open.by_savepoint && open.position(&name) == Some(0) => self.commit(),
                _ => {
                    self.mark(sql)?;
                    self.forget_savepoints(&name, 0);
                    Ok(())
                }
            },
            Control::RollbackTo(name) => match &self.transaction {
                State::None => Err(no_such_savepoint(&name)),
                // All of it is rolled back already.
                State::Lost(_) => Ok(()),
                State::Open(_) => {
                    self.mark(sql)?;
                    self.forget_savepoints(&name, 1);
                    Ok(())
                }
            },
        }
    }

    fn begin(&mut self, mode: Mode) -> QueryResult<()> {
        match &self.transaction {
            State::None => {}
            State::Open(_) => return Err(fault::sqlite("cannot start a transaction within a transaction")),
            State::Lost(why) => return Err(ended(why)),
        }
        self.unexecuted = false;
        let (remote, only_reads) = match self.reads_next.take() {
            Some(on) => {
                let (remote, only_reads) = self.begin_reading(on)?;
                (remote, Some(only_reads))
            }
            None => (self.begin_there(mode)?, None),
        };
        self.transaction =
            State::Open(Open { remote, savepoints: Vec::new(), by_savepoint: false, only_reads });
        Ok(())
    }

    fn begin_there(&mut self, mode: Mode) -> QueryResult<Box<dyn Transaction>> {
        let begin = match mode {
            Mode::Deferred | Mode::Immediate => Begin::Immediate,
            Mode::Exclusive => Begin::Exclusive,
        };
        let (session, terms) = (self.answers.session(), self.terms());
        let begun = self.access.wait_plain(|| self.access.primary.begin(begin, session, terms));
        begun.map_err(|error| self.ends_with(error))
    }

    fn commit(&mut self) -> QueryResult<()> {
        match std::mem::replace(&mut self.transaction, State::None) {
            State::None => Err(fault::sqlite("cannot commit - no transaction is active")),
            State::Lost(why) => Err(ended(&why)),
            State::Open(Open { remote, savepoints, by_savepoint, only_reads }) => {
                let mut terms = self.terms();
                if only_reads.is_some() {
                    terms.ack = Ack::Committed;
                }
                match self.access.wait_plain(|| remote.commit(terms)) {
                    Ok(_) => Ok(()),
                    Err(CommitFailure::StillOpen(remote, said)) => {
                        self.transaction = State::Open(Open { remote, savepoints, by_savepoint, only_reads });
                        Err(said.into())
                    }
                    Err(CommitFailure::Ended(error)) => Err(self.ends_with(error)),
                }
            }
        }
    }

    fn rollback(&mut self) -> QueryResult<()> {
        match std::mem::replace(&mut self.transaction, State::None) {
            State::None => Err(fault::sqlite("cannot rollback - no transaction is active")),
            State::Lost(_) => Ok(()),
            State::Open(open) => {
                let deadline = self.deadline();
                if let Err(error) = self.access.wait_plain(|| open.remote.rollback(deadline)) {
                    // A transaction whose connection is lost is rolled back all the same.
                    tracing::debug!(%error, repo = %self.access.name, "the primary did not confirm a rollback");
                }
                Ok(())
            }
        }
    }

    /// Runs `SAVEPOINT`, `RELEASE` or `ROLLBACK TO` where the transaction is.
    fn mark(&mut self, sql: &str) -> QueryResult<()> {
        let statement =
            Statement { sql: sql.to_owned(), binds: Values::new(), cacheable: false, want: Want::Batch };
        self.step(statement).map(drop)
    }

    /// The savepoints from `name` on are gone, but for the first `kept` of them.
    fn forget_savepoints(&mut self, name: &str, kept: usize) {
        if let State::Open(open) = &mut self.transaction
            && let Some(position) = open.position(name)
        {
            open.savepoints.truncate(position + kept);
        }
    }

    /// Runs a statement in the open transaction.
    pub(super) fn step(&mut self, statement: Statement) -> QueryResult<Outcome> {
        if let State::Open(Open { only_reads: Some(only), .. }) = self.transaction {
            self.admit_read(only, &statement).map_err(Error::into_diesel)?;
        }
        let deadline = self.deadline();
        let open = match &mut self.transaction {
            State::Open(open) => open,
            State::Lost(why) => return Err(ended(why)),
            State::None => return Err(fault::sqlite("cannot run this - no transaction is active")),
        };
        let only_reads = open.only_reads.is_some();
        let sets = Sets::of(&statement);
        match self.access.wait_plain(|| open.remote.run(statement, deadline)) {
            Ok(step) => {
                if !step.open {
                    self.transaction = State::None;
                }
                let mut outcome = step.result.map_err(DieselError::from).map_err(|error| {
                    // It looked like a read, and SQLite knows better.
                    if only_reads && fault::is_readonly(&error) { writes().into_diesel() } else { error }
                })?;
                self.answers.take(sets, step.session, &mut outcome);
                Ok(outcome)
            }
            Err(error) => {
                self.transaction = State::Lost(error.to_string());
                Err(self.ends_with(error))
            }
        }
    }

    /// Takes note of what ended a transaction, or kept it from beginning.
    pub(super) fn ends_with(&mut self, error: Error) -> DieselError {
        self.unexecuted = may_run_again(&error);
        // What a commit gives is of no type that its caller knows.
        error.with_value(CommittedValue::default()).into_diesel()
    }
}

fn ended(why: &str) -> DieselError {
    Error::NotExecuted(NotExecuted::TransactionEnded(why.to_owned())).into_diesel()
}

fn no_such_savepoint(name: &str) -> DieselError {
    fault::sqlite(&format!("no such savepoint: {name}"))
}
