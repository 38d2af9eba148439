//! `last_insert_rowid()` and `changes()`, as after this connection's own last write.
//!
//! That write may have run elsewhere, so SQLite's own functions, on the connection that reads,
//! would not know of it: they are overridden there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use crate::statement::split::split;
use crate::statement::{Outcome, Session, Statement, Want, kind};

/// The answers, shared with the functions. Only the connection's own thread uses them.
#[derive(Default)]
pub(super) struct Answers {
    last_insert_rowid: AtomicI64,
    changes: AtomicI64,
    total_changes: AtomicI64,
}

impl Answers {
    pub(super) fn session(&self) -> Session {
        Session {
            last_insert_rowid: self.last_insert_rowid.load(Relaxed),
            changes: self.changes.load(Relaxed),
        }
    }

    /// What `execute` gives on a bare connection for a statement that changes no rows: the count
    /// of the last one that did.
    pub(super) fn count(&self) -> usize {
        usize::try_from(self.changes.load(Relaxed)).unwrap_or_default()
    }

    /// Takes in what a statement did that ran elsewhere, and makes its count what a bare
    /// connection would have given.
    pub(super) fn take(&self, sets: Sets, session: Session, outcome: &mut Outcome) {
        if sets.changes {
            self.changes.store(session.changes, Relaxed);
            self.total_changes.fetch_add(session.changes, Relaxed);
        }
        // The primary's connection serves others too: its answer is ours only when we inserted, or
        // when ours was brought there.
        if sets.rowid && (sets.may_keep_rowid || session.changes > 0) {
            self.last_insert_rowid.store(session.last_insert_rowid, Relaxed);
        }
        if sets.count_stays {
            outcome.count = u64::try_from(self.changes.load(Relaxed)).unwrap_or_default();
        }
    }

    /// Makes a connection give these answers.
    pub(super) fn override_on(self: &Arc<Self>, conn: &mut SqliteConnection) -> QueryResult<()> {
        let answers = Arc::clone(self);
        last_insert_rowid_utils::register_nondeterministic_impl(conn, move || {
            answers.last_insert_rowid.load(Relaxed)
        })?;
        let answers = Arc::clone(self);
        changes_utils::register_nondeterministic_impl(conn, move || answers.changes.load(Relaxed))?;
        let answers = Arc::clone(self);
        total_changes_utils::register_nondeterministic_impl(conn, move || answers.total_changes.load(Relaxed))
    }
}

/// Which answers a statement sets, by its words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sets {
    changes: bool,
    rowid: bool,
    /// It may change a row and still leave `last_insert_rowid()` as this connection has it: only
    /// where the primary knows that, its answer is right.
    pub(super) may_keep_rowid: bool,
    /// It changes no rows, and `execute` gives the count of the last one that did.
    count_stays: bool,
}

impl Sets {
    pub(super) fn of(statement: &Statement) -> Self {
        let one = |sql: &str| {
            let changes = kind::sets_session(sql);
            let rowid = changes && kind::may_insert(sql);
            let count_stays = statement.want == Want::Count && !changes;
            Self { changes, rowid, may_keep_rowid: rowid && kind::may_upsert(sql), count_stays }
        };
        if statement.want != Want::Batch {
            return one(&statement.sql);
        }
        let nothing = Self { changes: false, rowid: false, may_keep_rowid: false, count_stays: false };
        split(&statement.sql).iter().map(|part| one(part.sql)).fold(nothing, |all, part| Self {
            changes: all.changes || part.changes,
            rowid: all.rowid || part.rowid,
            // What `changes()` says is of the last statement, and not of the one that inserts.
            may_keep_rowid: all.may_keep_rowid || part.rowid,
            count_stays: false,
        })
    }
}

diesel::define_sql_function!(fn last_insert_rowid() -> BigInt);
diesel::define_sql_function!(fn changes() -> BigInt);
diesel::define_sql_function!(fn total_changes() -> BigInt);
