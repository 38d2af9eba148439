//! Looks at what a procedure is about to run, on the writer's connection.

use std::panic::resume_unwind;

use diesel::connection::{Connection, Instrumentation, InstrumentationEvent};
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;

use super::{engine, savepoint, shrink};
use crate::error::DatabaseError;
use crate::request::Refusal;
use crate::statement::control::Control;
use crate::statement::split;

/// Diesel's instrumentation, of which only this use is made: it is told of each statement before it
/// runs. An application that sets another one on the writer's connection (`on_open`) has only what
/// [holds](super::hold) the transaction, and what is looked at after the procedure.
#[derive(Default)]
pub(super) struct Guard {
    armed: bool,
    replicated: bool,
    seen: Seen,
}

/// What a procedure did.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// A statement failed.
    pub(super) failed: bool,
    /// Another one came after one that had failed.
    pub(super) went_on: bool,
    /// It ended the transaction, and could not be kept from it.
    pub(super) ended: bool,
    /// What a statement of it failed with, where that says nothing of the request but only that this node
    /// cannot write now: whatever the procedure made of it is no last word.
    pub(super) passing: Option<DatabaseError>,
}

/// With what the procedure is unwound: the statement that it may not run.
pub(super) struct Refused(pub(super) String);

impl Guard {
    /// Whether there is one.
    pub(super) fn arm(conn: &mut SqliteConnection, replicated: bool) -> bool {
        Self::of(conn).map(|guard| *guard = Self { armed: true, replicated, seen: Seen::default() }).is_some()
    }

    /// What it saw; `None` when it is not there.
    pub(super) fn disarm(conn: &mut SqliteConnection) -> Option<Seen> {
        let guard = Self::of(conn)?;
        guard.armed = false;
        Some(std::mem::take(&mut guard.seen))
    }

    fn of(conn: &mut SqliteConnection) -> Option<&mut Self> {
        conn.instrumentation().downcast_mut()
    }

    fn started(&mut self, text: &str) {
        if let Some(what) = refused(text, self.replicated) {
            if cfg!(panic = "unwind") {
                resume_unwind(Box::new(Refused(what)));
            }
            self.seen.ended = true;
        }
        // Diesel takes back what it began when something fails: that runs nothing.
        self.seen.went_on |= self.seen.failed && Control::parse(text).is_none();
    }

    fn failed(&mut self, error: &DieselError) {
        self.seen.failed = true;
        if let DieselError::DatabaseError(_, said) = error
            && self.seen.passing.is_none()
        {
            let said = DatabaseError::other(said.message());
            let is_final = matches!(engine::verdict(said.clone(), self.replicated), Refusal::Rejected(_));
            // What its own open cursor is in the way of, it will be each time.
            self.seen.passing = (!is_final && !engine::is_locked(&said.message)).then_some(said);
        }
    }
}

impl Instrumentation for Guard {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            _ if !self.armed => {}
            InstrumentationEvent::StartQuery { query, .. } => self.started(&query.to_string()),
            InstrumentationEvent::FinishQuery { error: Some(error), .. } => self.failed(error),
            _ => {}
        }
    }
}

/// The statement of a text that a procedure may not run, if there is one.
fn refused(text: &str, replicated: bool) -> Option<String> {
    let one = |sql: &str| {
        let is = match Control::parse(sql) {
            Some(control) => savepoint::ends(&control),
            // What LiteFS would not survive.
            None => replicated && shrink::shrinks(sql),
        };
        is.then(|| split::from_first_token(sql).to_owned())
    };
    if text.contains(';') { split::split(text).iter().find_map(|part| one(part.sql)) } else { one(text) }
}
