//! A procedure in its savepoint: whatever it does, its neighbours stand.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use diesel::sqlite::SqliteConnection;

use super::engine::Open;
use super::guard::{Guard, Refused, Seen};
use super::set::Failed;
use super::take_up::Broke;
use super::{engine, hold, savepoint, session};
use crate::error::DatabaseError;
use crate::request::{ProcedureCall, Reply, Run, SessionUse, Written};
use crate::statement::Most;

/// Runs it. A value is kept; its own error (`Ok` with [`Reply::Err`]), a panic and what the database
/// said are not.
pub(super) fn run(
    Open { conn, allowed, busy, .. }: &mut Open,
    procedure: &Run,
    call: &ProcedureCall,
    wanted: SessionUse,
    mut most: Most,
    replicated: bool,
) -> Result<Result<Written, DatabaseError>, Broke> {
    allowed.watch(conn)?;
    hold::take(conn)?;
    let prepared = match wanted.brought() {
        Some(session) => session::restore(conn, session, &[]),
        None => Ok(()),
    };
    if let Err(error) = prepared.and_then(|()| savepoint::open(conn)) {
        hold::release(conn)?;
        return Ok(Err(error.into()));
    }
    let armed = Guard::arm(conn, replicated);
    let at = busy.at(&call.name);
    let ran = catch_unwind(AssertUnwindSafe(|| procedure(conn, &call.args)));
    drop(at);
    let mut seen = Guard::disarm(conn);
    let mut ran = ran.unwrap_or_else(|panic| Err(of_panic(call, panic.as_ref())));
    if armed && seen.is_none() {
        conn.set_instrumentation(Guard::default());
        ran = Err(DatabaseError::other(format!(
            "the procedure `{}` replaced the instrumentation of the writer's connection, by which it is kept from \
             ending the transaction of all: leave `set_instrumentation` out of it",
            call.name
        )));
    }
    if leave_nested(conn) && ran.is_ok() {
        ran = Err(DatabaseError::other(format!(
            "the procedure `{}` left a transaction open that it had begun",
            call.name
        )));
    }
    if matches!(ran, Ok(Reply::Ok(_)))
        && let Err(changed) = allowed.defined(conn)
    {
        ran = Err(changed.into());
    }
    if let Ok(reply) = &ran
        && let Err(bound) = most.bytes(reply.bytes().len())
    {
        ran = Err(bound.into());
    }
    // Its own error, or its panic, over a node that cannot write now: another one may well do what was asked.
    if !matches!(ran, Ok(Reply::Ok(_)))
        && let Some(passing) = seen.as_mut().and_then(|seen| seen.passing.take())
    {
        ran = Err(passing);
    }
    let session = match &ran {
        Ok(Reply::Ok(_)) => savepoint::session_after(conn, wanted).unwrap_or_default(),
        _ => Default::default(),
    };
    let keep = matches!(ran, Ok(Reply::Ok(_)));
    // Both: a savepoint of that name may be in another transaction.
    if savepoint::close(conn, keep).is_ok() && hold::release(conn).unwrap_or_default() {
        if !keep {
            allowed.rolled_back();
        }
        return Ok(ran.map(|reply| Written { reply: Some(reply), session, ..Written::default() }));
    }
    Err(gone(call, ran, seen))
}

/// The savepoint is not there any more, so the transaction is not the group's.
fn gone(call: &ProcedureCall, ran: Result<Reply, DatabaseError>, seen: Option<Seen>) -> Broke {
    let name = &call.name;
    // An error ended it, and nothing came after: SQLite has rolled all of it back.
    if let Some(Seen { failed: true, went_on: false, ended: false, .. }) = seen {
        return Broke::Ended(match ran {
            Err(error) => Failed::Rejected(error),
            Ok(reply @ Reply::Err(_)) => Failed::Reply(Written { reply: Some(reply), ..Written::default() }),
            Ok(Reply::Ok(_)) => Failed::Rejected(DatabaseError::other(format!(
                "the procedure `{name}` gave a value although an error had ended its transaction"
            ))),
        });
    }
    Broke::Ended(Failed::Left(format!(
        "the procedure `{name}` ended its transaction by itself, and what it did before or after that may be kept: \
         leave COMMIT, ROLLBACK and `ON CONFLICT ROLLBACK` out of it"
    )))
}

/// Rolls back what it began and did not end; whether there was any.
fn leave_nested(conn: &mut SqliteConnection) -> bool {
    let mut left = false;
    while engine::depth(conn).is_some_and(|depth| depth.get() > 1) {
        left = true;
        if AnsiTransactionManager::rollback_transaction(conn).is_err()
            && engine::depth(conn).is_none_or(|depth| depth.get() > 1)
        {
            break;
        }
    }
    left
}

fn of_panic(call: &ProcedureCall, panic: &(dyn Any + Send)) -> DatabaseError {
    let name = &call.name;
    if let Some(Refused(what)) = panic.downcast_ref() {
        return DatabaseError::other(format!(
            "the procedure `{name}` may not run `{what}`: it runs in a transaction of its own, which ends with it"
        ));
    }
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    DatabaseError::other(format!("the procedure `{name}` panicked: {}", text.unwrap_or("without a text")))
}
