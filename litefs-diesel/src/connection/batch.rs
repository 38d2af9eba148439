//! `batch_execute`: a text of any number of statements.
//!
//! Transaction control and `PRAGMA`s run one by one, in their order; what stands between them goes
//! whole, all or nothing, as one request, or runs here when all of it only reads.

use std::ffi::CString;
use std::ops::Range;

use diesel::connection::{InstrumentationEvent, StrQueryHelper};
use diesel::result::QueryResult;

use super::fault;
use super::node::{Alone, NodeConnection};
use super::refusal::Refusal;
use crate::statement::control::Control;
use crate::statement::kind::{Effect, Kind};
use crate::statement::pragma::{Does, Pragma};
use crate::statement::split::{Part, split};
use crate::statement::{Statement, Want};
use crate::value::Values;

impl NodeConnection {
    pub(super) fn batch(&mut self, text: &str) -> QueryResult<()> {
        let query = StrQueryHelper::new(text);
        self.local.emit(InstrumentationEvent::start_query(&query));
        let result = match self.migrate_batch(text) {
            Ok(false) => self.run_parts(text),
            taken => taken.map(drop),
        };
        self.local.emit(InstrumentationEvent::finish_query(&query, result.as_ref().err()));
        result
    }

    pub(super) fn run_parts(&mut self, text: &str) -> QueryResult<()> {
        // As SQLite's own interface: a text ends at its first NUL, so one within is an error.
        CString::new(text)?;
        let mut group: Option<Group> = None;
        for part in split(text) {
            if let Some(special) = self.special(&part)? {
                self.run_group(text, group.take())?;
                self.run_special(special, part.sql)?;
            } else {
                let group = group.get_or_insert(Group { range: part.start..part.end, only_reads: true });
                group.range.end = part.end;
                group.only_reads = group.only_reads && self.only_reads(part.sql)?;
            }
        }
        self.run_group(text, group)
    }

    /// What must not be in a group.
    fn special(&mut self, part: &Part<'_>) -> QueryResult<Option<Special>> {
        if let Some(control) = Control::parse(part.sql) {
            return Ok(Some(Special::Control(control)));
        }
        if !self.transaction.is_none() {
            return Ok(None);
        }
        if let Some(pragma) = Pragma::parse(part.sql) {
            // One that writes into the database may stand or fall with its neighbours.
            return Ok((pragma.does() != Does::Writes).then_some(Special::Pragma));
        }
        Ok(match self.known.kind_of_text(&self.access.kinds, part.sql)?.map(|kind| kind.effect) {
            Some(Effect::Vacuums) => Some(Special::Vacuum),
            Some(Effect::WritesTemp) => Some(Special::Refused(Refusal::Temp)),
            Some(Effect::Attaches) => Some(Special::Refused(Refusal::Attach)),
            _ => None,
        })
    }

    fn run_special(&mut self, special: Special, sql: &str) -> QueryResult<()> {
        match special {
            Special::Control(control) => self.control(control, sql),
            Special::Pragma => self.pragma(batch(sql)).map(drop),
            Special::Vacuum => self.forward(batch(sql), None, Alone(true)).map(drop),
            Special::Refused(refusal) => Err(refusal.into()),
        }
    }

    fn only_reads(&mut self, sql: &str) -> QueryResult<bool> {
        if !self.transaction.is_none() {
            return Ok(false);
        }
        let kind = self.known.kind_of_text(&self.access.kinds, sql)?;
        Ok(matches!(kind, Some(Kind { effect: Effect::Reads | Effect::CallsOut, .. })))
    }

    fn run_group(&mut self, text: &str, group: Option<Group>) -> QueryResult<()> {
        let Some(Group { range, only_reads }) = group else { return Ok(()) };
        let statement = batch(&text[range]);
        if !self.transaction.is_none() {
            return self.step(statement).map(drop);
        }
        if only_reads {
            match self.local.run(&self.access, &statement) {
                Err(error) if fault::is_readonly(&error) => {}
                result => return result.map(drop),
            }
        }
        self.forward(statement, None, Alone(false)).map(drop)
    }
}

/// Statements that stand together.
struct Group {
    /// Where they stand in the whole text.
    range: Range<usize>,
    only_reads: bool,
}

/// A statement that runs by itself.
enum Special {
    Control(Control),
    Pragma,
    Vacuum,
    Refused(Refusal),
}

pub(super) fn batch(sql: &str) -> Statement {
    Statement { sql: sql.to_owned(), binds: Values::new(), cacheable: false, want: Want::Batch }
}
