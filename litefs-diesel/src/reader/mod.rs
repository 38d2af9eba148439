//! The read side of one database: read-only connections, and the threads of a pool that use them.
//!
//! Every connection is opened `mode=ro`, so a write that gets here is refused by SQLite itself.
//! Before a read starts it passes the gate, which holds it back for a moment while this node is
//! behind a position that somebody waits for: busy readers starve LiteFS's replication for ever.
//!
//! This room never opens a database read-write, and runs nothing on the caller's executor.

mod open;
mod pool;
mod snapshot;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use diesel::result::{ConnectionError, ConnectionResult};
use diesel::sqlite::SqliteConnection;

use self::pool::Pool;
pub(crate) use self::snapshot::too_long;
use crate::config::RepoSettings;
use crate::error::{Error, NotExecuted};

/// Holds readers back for a bounded moment while replication is behind.
pub(crate) type Gate = Arc<dyn Fn() + Send + Sync>;

/// The read side of one database.
pub(crate) struct Readers {
    shared: Arc<Shared>,
    pool: Pool,
}

struct Shared {
    settings: RepoSettings,
    gate: Gate,
    generation: AtomicU64,
    closed: AtomicBool,
}

impl Readers {
    /// Starts the pool's threads. Each opens its connection when its first read comes.
    pub(crate) fn start(settings: RepoSettings, gate: Gate) -> std::io::Result<Arc<Self>> {
        let shared = Arc::new(Shared {
            settings,
            gate,
            generation: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let pool = Pool::start(shared.clone())?;
        Ok(Arc::new(Self { shared, pool }))
    }

    /// Opens a read-only connection, for a caller that keeps it. Blocks on the file. Fails once the
    /// node is shut down: LiteFS could not unmount.
    pub(crate) fn open(&self) -> ConnectionResult<SqliteConnection> {
        if self.shared.closed.load(Ordering::Acquire) {
            let error = Error::NotExecuted(NotExecuted::ShuttingDown).into_diesel();
            return Err(ConnectionError::CouldntSetupConfiguration(error));
        }
        open::open(&self.shared.settings)
    }

    /// Blocks for a bounded moment while this node is behind a position that somebody waits for.
    pub(crate) fn pass_gate(&self) {
        (self.shared.gate)();
    }

    /// Runs `job` on a thread of the pool, with its connection, behind the gate. Reads wait their
    /// turn in order. A tokio runtime must be entered while the future is polled.
    pub(crate) fn run<R: Send + 'static>(
        &self,
        deadline: Instant,
        job: impl FnOnce(&mut SqliteConnection) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>> + Send + 'static {
        self.pool.run(deadline, job)
    }

    /// Grows when connections that were opened before must be opened anew, because LiteFS went
    /// away under them.
    pub(crate) fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Makes every connection of the pool be opened anew before its next read.
    pub(crate) fn renew(&self) {
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        self.pool.wake();
    }

    /// Ends the threads and closes their files; returns when they have ended. Blocks for as long
    /// as the running reads do. Reads that wait are refused.
    pub(crate) fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        self.pool.close();
    }

    /// The readers of any file, for tests of the rooms above.
    #[cfg(test)]
    pub(crate) fn of_file(
        file: &std::path::Path,
        on_open: impl Fn(&mut SqliteConnection) -> diesel::QueryResult<()> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let config =
            crate::config::Config::default().database("test", file.to_str().unwrap()).on_open(on_open);
        Self::start(config.resolve().unwrap().repos["test"].clone(), Arc::new(|| ())).unwrap()
    }
}
