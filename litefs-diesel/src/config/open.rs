//! What is done on every connection that a node opens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{QueryResult, SqliteConnection};

/// The application's own: functions, collations, a `PRAGMA`.
pub(super) type Hook = Arc<dyn Fn(&mut SqliteConnection) -> QueryResult<()> + Send + Sync>;

/// The set-up of a repo's connections, the same for each: the writer's, the readers', and those that
/// run `EXPLAIN`.
#[derive(Clone)]
pub(crate) struct OnOpen {
    pub(super) busy_timeout: Duration,
    pub(super) foreign_keys: bool,
    pub(super) hooks: Vec<Hook>,
}

impl OnOpen {
    /// Sets the connection up. Blocks; it must not be in a transaction, in which SQLite ignores
    /// `foreign_keys`. First what the settings say, then the application's hooks in their order.
    pub(crate) fn run(&self, conn: &mut SqliteConnection) -> QueryResult<()> {
        // First of all: the next statements may meet a lock.
        conn.batch_execute(&format!("PRAGMA busy_timeout = {}", self.busy_timeout.as_millis()))?;
        conn.batch_execute(if self.foreign_keys {
            "PRAGMA foreign_keys = 1"
        } else {
            "PRAGMA foreign_keys = 0"
        })?;
        self.hooks.iter().try_for_each(|hook| hook(conn))
    }
}

impl OnOpen {
    /// Whether the application does anything of its own.
    pub(crate) fn has_hooks(&self) -> bool {
        !self.hooks.is_empty()
    }
}

impl fmt::Debug for OnOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnOpen({} hooks)", self.hooks.len())
    }
}
