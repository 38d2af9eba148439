//! The settings of one repo in code.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ack;
use super::builder::integer;
use super::layer::Value;
use super::settings::JournalMode;
use crate::Ack;

/// The settings of one repo in code, for [`Config::repo`](super::Config::repo). What is not set comes from the sources of
/// lower rank.
///
/// ```
/// # use litefs_diesel::config::{JournalMode, RepoConfig};
/// let repo = RepoConfig::new("app.db").pool_size(8).journal_mode(JournalMode::Wal);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RepoConfig {
    pub(super) values: BTreeMap<&'static str, Value>,
}

impl RepoConfig {
    /// With this database, as in [`Config::new`](super::Config::new).
    #[must_use]
    pub fn new(database: impl Into<String>) -> Self {
        Self::default().set("database", Value::Text(database.into()))
    }

    /// Where the migrations tool looks: the folder above `migrations` (`priv` in the file).
    #[must_use]
    pub fn priv_dir(self, folder: impl Into<String>) -> Self {
        self.set("priv", Value::Text(folder.into()))
    }

    /// The journal mode (default: as the database has it, WAL for a new one).
    #[must_use]
    pub fn journal_mode(self, mode: JournalMode) -> Self {
        self.set("journal_mode", Value::Text(mode.as_str().to_owned()))
    }

    /// Whether foreign keys are enforced (default `true`).
    #[must_use]
    pub fn foreign_keys(self, on: bool) -> Self {
        self.set("foreign_keys", Value::Bool(on))
    }

    /// How many connections read (default 5).
    #[must_use]
    pub fn pool_size(self, connections: usize) -> Self {
        self.set("pool_size", integer(connections))
    }

    /// How long SQLite waits for a lock (default 5 s).
    #[must_use]
    pub fn busy_timeout(self, timeout: Duration) -> Self {
        self.set("busy_timeout", Value::Duration(timeout))
    }

    /// How many writes may wait on the primary (default 1024).
    #[must_use]
    pub fn queue_length(self, requests: usize) -> Self {
        self.set("queue_length", integer(requests))
    }

    /// The default deadline of a call (default 10 s).
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set("timeout", Value::Duration(timeout))
    }

    /// How long an open transaction may do nothing (default 5 s).
    #[must_use]
    pub fn transaction_idle(self, limit: Duration) -> Self {
        self.set("transaction_idle", Value::Duration(limit))
    }

    /// How long a transaction may be open (default 30 s).
    #[must_use]
    pub fn transaction_total(self, limit: Duration) -> Self {
        self.set("transaction_total", Value::Duration(limit))
    }

    /// How long a `read_transaction` may be open, and a `stream` may read (default 2 s).
    #[must_use]
    pub fn read_transaction(self, limit: Duration) -> Self {
        self.set("read_transaction", Value::Duration(limit))
    }

    /// How many requests one commit takes at most (default 512).
    #[must_use]
    pub fn max_batch(self, requests: usize) -> Self {
        self.set("max_batch", integer(requests))
    }

    /// How many transactions may wait for the one that is open; one more is `Overloaded` (default 64).
    #[must_use]
    pub fn transactions_waiting(self, transactions: usize) -> Self {
        self.set("transactions_waiting", integer(transactions))
    }

    /// How long one statement may keep the writer busy before that is reported: in `tracing`, and in the counter
    /// `litefs_diesel_writer_busy_total` (default 5 s). Nothing can stop it.
    #[must_use]
    pub fn busy_report(self, after: Duration) -> Self {
        self.set("busy_report", Value::Duration(after))
    }

    /// How many bytes of a write's result are kept for a second answer (default 65,536).
    #[must_use]
    pub fn ledger_result(self, bytes: usize) -> Self {
        self.set("ledger_result", integer(bytes))
    }

    /// How long the ledger keeps a client that does not ask (default 1 h). A write's longer `timeout` of
    /// its own counts as this.
    #[must_use]
    pub fn ledger_keep(self, keep: Duration) -> Self {
        self.set("ledger_keep", Value::Duration(keep))
    }

    /// When a write returns that does not say (default [`Ack::Visible`]).
    ///
    /// ```
    /// # use litefs_diesel::{Ack, config::RepoConfig};
    /// let repo = RepoConfig::new("app.db").ack(Ack::Replicated(1));
    /// ```
    #[must_use]
    pub fn ack(self, ack: Ack) -> Self {
        self.set("ack", Value::Text(ack::text(ack)))
    }

    pub(super) fn set(mut self, key: &'static str, value: Value) -> Self {
        self.values.insert(key, value);
        self
    }
}
