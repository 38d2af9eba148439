//! A migration's SQL taken apart: what takes effect around its transaction, and what runs in it.

use super::{Cause, Failure, Step};
use crate::statement::control::Control;
use crate::statement::pragma::Pragma;
use crate::statement::split::split;

/// The SQL of one step.
#[derive(Debug)]
pub(super) struct Script<'s> {
    pub(super) step: &'s Step,
    /// `PRAGMA foreign_keys` and `legacy_alter_table` before anything but other PRAGMAs: SQLite ignores
    /// the one in a transaction, and its recipe for rebuilding a table wants both before it.
    pub(super) head: Vec<Statement<'s>>,
    pub(super) body: Vec<Statement<'s>>,
}

/// One statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement<'s> {
    pub(super) sql: &'s str,
    /// Where it begins, counted from 1.
    pub(super) line: usize,
}

impl<'s> Script<'s> {
    /// Takes a step apart; an error when it may not run as it is.
    pub(super) fn of(step: &'s Step) -> Result<Self, Failure> {
        let mut line = 1;
        let mut counted = 0;
        let mut all = Vec::new();
        for part in split(&step.sql) {
            line += step.sql.get(counted..part.start).map_or(0, |text| text.matches('\n').count());
            counted = part.start;
            all.push(Statement { sql: part.sql, line });
        }
        for statement in &all {
            statement.check(step)?;
        }
        if !step.in_transaction {
            return Ok(Self { step, head: Vec::new(), body: all });
        }
        let first = all.iter().take_while(|statement| Pragma::parse(statement.sql).is_some()).count();
        let late = all.split_off(first);
        if let Some(late) = late.iter().find(|statement| statement.turns_keys_off()) {
            return Err(Failure::at(step, Some(late.line), Cause::TooLate(late.sql.to_owned())));
        }
        let (head, mut body): (Vec<_>, Vec<_>) = all.into_iter().partition(Statement::is_setting);
        body.extend(late);
        Ok(Self { step, head, body })
    }

    /// Whether its head turns foreign keys off, so that nobody looks at them while it runs.
    pub(super) fn turns_keys_off(&self) -> bool {
        self.head.iter().any(Statement::turns_keys_off)
    }
}

impl Statement<'_> {
    fn check(&self, step: &Step) -> Result<(), Failure> {
        let refuse = |cause| Err(Failure::at(step, Some(self.line), cause));
        if step.in_transaction && ends_transaction(self.sql) {
            return refuse(Cause::Control(self.sql.to_owned()));
        }
        match Pragma::parse(self.sql) {
            Some(Pragma { name, value: Some(mode), .. }) if name == "journal_mode" && is_unseen(&mode) => {
                refuse(Cause::JournalMode(self.sql.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn turns_keys_off(&self) -> bool {
        setting(self.sql).is_some_and(|pragma| pragma.name == "foreign_keys" && !pragma.is_on())
    }

    /// Whether it sets what takes effect around a transaction.
    fn is_setting(&self) -> bool {
        setting(self.sql)
            .is_some_and(|pragma| matches!(pragma.name.as_str(), "foreign_keys" | "legacy_alter_table"))
    }
}

/// A `PRAGMA` that sets something.
fn setting(sql: &str) -> Option<Pragma> {
    Pragma::parse(sql).filter(|pragma| pragma.value.is_some())
}

/// Whether a statement begins or ends a transaction; savepoints do not.
fn ends_transaction(sql: &str) -> bool {
    matches!(Control::parse(sql), Some(Control::Begin(_) | Control::Commit | Control::Rollback))
}

/// The journal modes that LiteFS does not see: what they commit is replicated nowhere.
fn is_unseen(mode: &str) -> bool {
    mode.eq_ignore_ascii_case("memory") || mode.eq_ignore_ascii_case("off")
}
