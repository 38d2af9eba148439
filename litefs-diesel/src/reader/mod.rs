//! Stand-in for the lead's room: read-only connections to one file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::result::{ConnectionError, ConnectionResult};
use diesel::sqlite::SqliteConnection;

type OnOpen = Arc<dyn Fn(&mut SqliteConnection) -> diesel::QueryResult<()> + Send + Sync>;

pub(crate) struct Readers {
    file: PathBuf,
    on_open: OnOpen,
    gate: Gate,
    generation: AtomicU64,
}

pub(crate) struct Gate;

impl Gate {
    pub(crate) fn pass(&self) {}
}

impl Readers {
    pub(crate) fn new(file: PathBuf, on_open: OnOpen) -> Self {
        Self { file, on_open, gate: Gate, generation: AtomicU64::new(0) }
    }

    pub(crate) fn open(&self) -> ConnectionResult<SqliteConnection> {
        let mut conn = SqliteConnection::establish(&format!("file:{}?mode=ro", self.file.display()))?;
        conn.batch_execute(&format!("PRAGMA busy_timeout = {}", Duration::from_secs(5).as_millis()))
            .and_then(|()| (self.on_open)(&mut conn))
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(conn)
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn bump(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}
