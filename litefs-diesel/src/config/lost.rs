//! What is done about writes that a failover drops after they were acknowledged.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::builder::{Config, integer};
use super::layer::Value;
use super::repo::RepoConfig;
use super::schema::Key;
use crate::position::Position;

/// A write that was acknowledged, and then dropped by a failover: it is nowhere now.
///
/// ```
/// use litefs_diesel::{Config, LostWrite};
///
/// let config = Config::temporary().on_lost(|lost: &LostWrite| {
///     eprintln!("write {} ({}) at {} is lost", lost.id, lost.statement, lost.position);
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostWrite {
    /// The name of the repo.
    pub repo: String,
    /// The write's id in the ledger.
    pub id: String,
    /// The text of its first statement, or the name of the procedure; `COMMIT` for a transaction,
    /// whose statements are not kept. Never a value.
    pub statement: String,
    /// Where it was.
    pub position: Position,
    /// With `on_lost = "resubmit"`: what came of sending it again, when it did not run.
    pub resubmit: Option<String>,
}

impl LostWrite {
    pub(crate) fn new(repo: &str, id: String, statement: String, position: Position) -> Self {
        Self { repo: repo.to_owned(), id, statement, position, resubmit: None }
    }
}

/// One of the application's own.
type Hook = Arc<dyn Fn(&LostWrite) + Send + Sync>;

/// The application's own word on a lost write.
#[derive(Clone, Default)]
pub(crate) struct LostHooks(pub(super) Vec<Hook>);

impl LostHooks {
    /// Tells the application. It may block: not on an executor.
    pub(crate) fn tell(&self, lost: &LostWrite) {
        self.0.iter().for_each(|hook| hook(lost));
    }
}

impl fmt::Debug for LostHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LostHooks({})", self.0.len())
    }
}

/// What a repo does about lost writes.
#[derive(Clone, Debug)]
pub(crate) struct LostSettings {
    /// Whether they are sent again, under their own ids.
    pub(crate) resubmit: bool,
    /// How long an acknowledged write is remembered, unless every node has it before.
    pub(crate) remember: Duration,
    /// How many are remembered at most.
    pub(crate) remember_writes: usize,
    pub(crate) hooks: LostHooks,
}

impl Config {
    /// Runs for each acknowledged write that a failover has dropped, on a thread that may block. It
    /// is not asked on nodes of other processes: only the one that acknowledged the write to its
    /// caller remembers it (setting `remember`).
    #[must_use]
    pub fn on_lost(mut self, hook: impl Fn(&LostWrite) + Send + Sync + 'static) -> Self {
        self.on_lost.0.push(Arc::new(hook));
        self
    }

    /// Whether lost writes are sent again under their own ids, for every repo that does not have
    /// its own word (default `false`): see [`RepoConfig::resubmit_lost`].
    #[must_use]
    pub fn resubmit_lost(self, resubmit: bool) -> Self {
        self.set(Key::EveryRepo("on_lost"), word(resubmit))
    }
}

impl RepoConfig {
    /// Whether a lost write is sent again under its own id (default `false`: it is only reported).
    /// What it does then may differ from what it did: other writes have come in between, and what its
    /// caller was told may not be true any more.
    #[must_use]
    pub fn resubmit_lost(self, resubmit: bool) -> Self {
        self.set("on_lost", word(resubmit))
    }

    /// How long an acknowledged write is remembered, unless every node has it before (default 60 s).
    #[must_use]
    pub fn remember(self, time: Duration) -> Self {
        self.set("remember", Value::Duration(time))
    }

    /// How many acknowledged writes are remembered at most (default 10,000).
    #[must_use]
    pub fn remember_writes(self, writes: usize) -> Self {
        self.set("remember_writes", integer(writes))
    }
}

fn word(resubmit: bool) -> Value {
    Value::Text(if resubmit { "resubmit" } else { "report" }.to_owned())
}
