//! In this process, on the file: a node that is alone, or primary.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use litefs_diesel::__tool::{self as engine, Done, Failure, Plan, Step, ToolDatabase};
use litefs_diesel::Node;

use super::lock::Lock;
use super::{Place, PlaceError};

/// The file, opened read-write, and the node that allowed it.
pub(super) struct Here {
    conn: Option<SqliteConnection>,
    node: Node,
    /// The last to go.
    _lock: Option<Lock>,
}

impl Here {
    /// A lock of SQLite's is waited for as long as `timeout`.
    pub(super) fn open(
        database: &ToolDatabase,
        node: Node,
        lock: Option<Lock>,
        timeout: Duration,
    ) -> Result<Self, PlaceError> {
        let mut conn = database.write()?;
        // More than SQLite's number of milliseconds holds is 24 days.
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        conn.batch_execute(&format!("PRAGMA busy_timeout = {millis}"))
            .map_err(|error| Failure::before(&error))?;
        Ok(Self { conn: Some(conn), node, _lock: lock })
    }
}

impl Place for Here {
    fn run(&mut self, plan: &Plan, tell: &mut dyn FnMut(&Step)) -> Result<Vec<Done>, PlaceError> {
        let Some(conn) = &mut self.conn else { return Ok(Vec::new()) };
        Ok(engine::apply(conn, plan, &mut &mut *tell)?)
    }

    /// What is committed here can be read here.
    fn wait(&mut self, _everywhere: bool) -> Result<Vec<String>, PlaceError> {
        Ok(Vec::new())
    }

    fn close(mut self: Box<Self>) -> Result<(), PlaceError> {
        // LiteFS cannot unmount while a file is open.
        self.conn = None;
        Ok(pollster::block_on(self.node.shutdown())?)
    }
}
