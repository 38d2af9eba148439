//! One request within the group's transaction: what the ledger says of it, and then its run.

use std::borrow::Cow;
use std::sync::Arc;

use super::engine::Open;
use super::job::Job;
use super::set::{Came, Failed, Set};
use super::{procedure, savepoint};
use crate::error::DatabaseError;
use crate::ledger::{Found, KeyFound, Stored};
use crate::request::{Ask, Procedures, Refusal, Reply, Stamp, Work, Write, Written};

/// What a request is to come to.
pub(super) enum Taken {
    /// Told after the commit.
    Came(Came),
    /// Told at once: nothing ran, and nothing of the group matters to it.
    Refused(Refusal),
}

/// Why the whole transaction came to nothing.
pub(super) enum Broke {
    /// The request ended it by its failure: nothing of its neighbours is kept.
    Ended(Failed),
    /// The ledger cannot be read or written.
    Ledger(DatabaseError),
}

impl From<diesel::result::Error> for Broke {
    fn from(error: diesel::result::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// What a request needs beside the database.
pub(super) struct Context {
    pub(super) replicated: bool,
    pub(super) procedures: Arc<Procedures>,
}

pub(super) fn take_up(open: &mut Open, job: &Job, set: &mut Set, context: &Context) -> Result<Taken, Broke> {
    let joined = match job.ask {
        Ask::Register { .. } => None,
        _ => join(open, job, set, context)?,
    };
    match (joined, &job.ask) {
        (Some(joined), _) => Ok(joined),
        (None, Ask::Run(write)) => run(open, job, write, context),
        (None, Ask::Settle) => ask(open, &job.stamp, true),
        (None, Ask::Look) => ask(open, &job.stamp, false),
        (None, Ask::Register { ticket }) => register(open, &job.stamp, *ticket),
    }
}

/// Makes a client known: about no write of the set, whatever its stamp says.
fn register(
    Open { conn, ledger, allowed, .. }: &mut Open,
    stamp: &Stamp,
    ticket: u64,
) -> Result<Taken, Broke> {
    Ok(match ledger.register(conn, stamp, ticket)? {
        Ok(()) => {
            allowed.made(conn)?;
            Taken::Came(Came::Stored(Stored::Done(Cow::Owned(Written::default()))))
        }
        Err(ticket) => Taken::Refused(Refusal::UnknownClient { ticket }),
    })
}

/// Another attempt at a write of the same set comes to the same.
fn join(open: &mut Open, job: &Job, set: &mut Set, context: &Context) -> Result<Option<Taken>, Broke> {
    let Some((at, first, came)) = set.twin(job.stamp.id) else { return Ok(None) };
    let is_run = matches!(job.ask, Ask::Run(_));
    if is_run && !matches!(first.ask, Ask::Run(_)) {
        return Ok(Some(Taken::Refused(Refusal::Late)));
    }
    if is_run && first.stamp.hash != job.stamp.hash {
        return Ok(Some(Taken::Refused(Refusal::OtherRequest)));
    }
    if let Came::Failed(failed, entered @ false) = came
        && (job.stamp.again || matches!(job.ask, Ask::Settle))
        && let Some(tombstone) = failed.tombstone(context.replicated)
    {
        open.ledger.enter(&mut open.conn, &first.stamp, tombstone)?;
        *entered = true;
    }
    Ok(Some(Taken::Came(Came::Twin(at))))
}

/// A question about a write, which ends it or not.
fn ask(Open { conn, ledger, .. }: &mut Open, stamp: &Stamp, end: bool) -> Result<Taken, Broke> {
    if !ledger.keeps_ids() {
        return Ok(Taken::Refused(Refusal::NoLedger));
    }
    Ok(match ledger.look(conn, stamp)? {
        Found::Fresh if end => {
            ledger.enter(conn, stamp, Stored::Ended)?;
            Taken::Came(Came::Absent)
        }
        Found::UnknownClient { ticket } if end => Taken::Refused(Refusal::UnknownClient { ticket }),
        Found::Fresh | Found::UnknownClient { .. } | Found::OtherRequest => Taken::Came(Came::Absent),
        Found::Stored(stored) => Taken::Came(Came::Stored(stored)),
        Found::Late => Taken::Refused(Refusal::Late),
    })
}

fn run(open: &mut Open, job: &Job, write: &Write, context: &Context) -> Result<Taken, Broke> {
    let Open { conn, ledger, .. } = open;
    let stamp = &job.stamp;
    if !ledger.keeps_ids() && stamp.again && write.key.is_none() {
        // Nothing tells a second attempt from a first.
        return Ok(Taken::Refused(Refusal::NoLedger));
    }
    match ledger.find(conn, stamp)? {
        Found::Fresh => {}
        Found::Stored(Stored::Ended) | Found::Late => return Ok(Taken::Refused(Refusal::Late)),
        Found::Stored(stored) => return Ok(Taken::Came(Came::Stored(stored))),
        Found::OtherRequest => return Ok(Taken::Refused(Refusal::OtherRequest)),
        Found::UnknownClient { ticket } => return Ok(Taken::Refused(Refusal::UnknownClient { ticket })),
    }
    if let Some(failed) = &job.failed {
        return failed_with(open, stamp, Failed::clone(failed), context);
    }
    if let Some(key) = &write.key {
        match ledger.find_key(conn, key)? {
            KeyFound::Absent => {}
            KeyFound::Stored(stored) => {
                // So that it is found by its id, too, when the key's time is over.
                ledger.enter(conn, stamp, stored.clone())?;
                return Ok(Taken::Came(Came::Stored(stored)));
            }
            // Told after the commit: a neighbour may have entered it, or its tombstone goes with it.
            KeyFound::Reused => {
                return failed_with(open, stamp, Failed::KeyReused(key.name.clone()), context);
            }
        }
    }
    let ran = match &write.work {
        Work::Statements(_) => {
            if savepoint::could_end(write) {
                ledger.flush(conn)?;
            }
            savepoint::run_statements(open, write, job.most, context.replicated)
                .map_err(|error| Broke::Ended(Failed::Rejected(error)))?
        }
        Work::Call(call) => {
            let Some(procedure) = context.procedures.find(call) else {
                let (name, version) = (call.name.clone(), call.version);
                return Ok(Taken::Refused(Refusal::UnknownProcedure { name, version }));
            };
            ledger.flush(conn)?;
            procedure::run(open, &procedure, call, write.session, job.most, context.replicated)?
        }
        Work::Migrate(_) => {
            let why = "migrations do not run in a transaction with others".to_owned();
            return Ok(Taken::Refused(Refusal::Refused(why)));
        }
    };
    match ran {
        Err(error) => failed_with(open, stamp, Failed::Rejected(error), context),
        Ok(written) if matches!(written.reply, Some(Reply::Err(_))) => {
            failed_with(open, stamp, Failed::Reply(written), context)
        }
        Ok(written) => {
            let Open { conn, ledger, allowed, .. } = open;
            let stored = Stored::Done(Cow::Borrowed(&written));
            if let Some(key) = &write.key {
                ledger.enter_key(conn, key, &stored)?;
                allowed.made(conn)?;
            }
            ledger.enter(conn, stamp, stored)?;
            Ok(Taken::Came(Came::Ran(written)))
        }
    }
}

/// Nothing of it is kept. When another attempt at it may still come, that is entered.
fn failed_with(
    Open { conn, ledger, .. }: &mut Open,
    stamp: &Stamp,
    failed: Failed,
    context: &Context,
) -> Result<Taken, Broke> {
    let tombstone = failed.tombstone(context.replicated).filter(|_| failed.is_final_for(stamp));
    let entered = tombstone.is_some();
    if let Some(tombstone) = tombstone {
        ledger.enter(conn, stamp, tombstone)?;
    }
    Ok(Taken::Came(Came::Failed(failed, entered)))
}
