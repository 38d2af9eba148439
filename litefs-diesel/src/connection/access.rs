//! What a connection needs of the node that serves its database.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel::result::QueryResult;

use super::idle::Idle;
use super::kinds::Kinds;
use crate::error::Error;
use crate::reader::Readers;
use crate::request::{Ack, Primary};

/// One database of a node, as its connections see it. They share one.
pub(crate) struct Access {
    /// The repo's name, for messages.
    pub(crate) name: String,
    /// The database file, canonical: what `establish` is matched with.
    pub(crate) file: PathBuf,
    /// Where writes run.
    pub(crate) primary: Arc<dyn Primary>,
    /// Where reads run.
    pub(crate) readers: Arc<Readers>,
    /// What is known of statements, for all connections.
    pub(crate) kinds: Arc<Kinds>,
    /// What its idle connections have open. The node closes it when LiteFS dies, and at its end.
    pub(crate) idle: Arc<Idle>,
    /// How long a call may take.
    pub(crate) timeout: Duration,
    /// When a write returns.
    pub(crate) ack: Ack,
    /// The node's own runtime. The primary's futures are polled inside of it.
    pub(crate) runtime: tokio::runtime::Handle,
    /// The setting `foreign_keys`.
    pub(crate) foreign_keys: bool,
    /// The setting `journal_mode`.
    pub(crate) journal_mode: String,
}

impl Access {
    /// Blocks this thread until the future is done. Any thread may, one of a runtime too.
    pub(super) fn wait<F, T>(&self, begin: impl FnOnce() -> F) -> QueryResult<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.wait_plain(begin).map_err(Error::into_diesel)
    }

    /// The same for a future whose outcome is not a plain [`Error`].
    pub(super) fn wait_plain<F: Future>(&self, begin: impl FnOnce() -> F) -> F::Output {
        let _inside = self.runtime.enter();
        // A task of another runtime may only poll so often before it must yield to that runtime,
        // which it cannot while it is blocked here: without this, its 129th wait would never end.
        pollster::block_on(tokio::task::unconstrained(begin()))
    }
}
