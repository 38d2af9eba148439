//! In this process, on the file: a node that is alone, or primary.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use litefs_diesel::__tool::{self as engine, Cause, Failure, Plan, Sent, Step, Tenure, ToolDatabase, Watch};
use litefs_diesel::Node;

use super::choose::Way;
use super::{Place, PlaceError};

/// The file, and the node that allows to write it.
pub(super) struct Here<'a> {
    node: Node,
    repo: &'a str,
    database: &'a ToolDatabase,
    timeout: Duration,
}

impl<'a> Here<'a> {
    pub(super) fn new(node: Node, way: &Way<'a>) -> Self {
        Self { node, repo: way.repo, database: way.database, timeout: way.timeout }
    }

    /// Opened read-write. A lock of SQLite's is waited for as long as the timeout.
    fn open(&self) -> Result<SqliteConnection, PlaceError> {
        let mut conn = self.database.write()?;
        // More than SQLite's number of milliseconds holds is 24 days.
        let millis = i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX);
        conn.batch_execute(&format!("PRAGMA busy_timeout = {millis}"))
            .map_err(|error| Failure::before(&error))?;
        Ok(conn)
    }
}

impl Place for Here<'_> {
    fn run(&mut self, plan: &Plan, tell: &mut dyn FnMut(&Step)) -> Result<Sent, PlaceError> {
        let deadline = Instant::now() + self.timeout;
        let tenure = pollster::block_on(engine::tenure(&self.node, self.repo, deadline))
            .map_err(|error| PlaceError::of_request(error, self.timeout))?;
        // LiteFS cannot unmount while the file is open, nor a replica become what this node is now.
        let mut conn = self.open()?;
        let mut told = Told { tenure, tell };
        let ran = engine::apply(&mut conn, plan, &mut told);
        drop(conn);
        match ran {
            // What is committed here can be read here.
            Ok(done) => Ok(Sent { done, visible: true }),
            Err(failure) => Err(match told.tenure.judge(&failure) {
                Some(error) => PlaceError::of_request(error, self.timeout),
                None => failure.into(),
            }),
        }
    }

    fn is_elsewhere(&self) -> bool {
        false
    }

    fn node(&self) -> &Node {
        &self.node
    }
}

/// The steps are told when they begin, and stop when this node is primary no more.
struct Told<'t> {
    tenure: Tenure,
    tell: &'t mut dyn FnMut(&Step),
}

impl Watch for Told<'_> {
    fn may_begin(&mut self, step: &Step) -> Result<(), Cause> {
        self.tenure.may_begin(step)
    }

    fn begins(&mut self, step: &Step) {
        (self.tell)(step);
    }

    fn may_run(&mut self, conn: &mut SqliteConnection, sql: &str) -> Result<(), Cause> {
        self.tenure.may_run(conn, sql)
    }

    fn ran(&mut self, conn: &mut SqliteConnection) -> Result<(), Cause> {
        self.tenure.ran(conn)
    }

    fn committed(&mut self) -> Result<(), Cause> {
        self.tenure.committed()
    }
}
