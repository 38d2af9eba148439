//! The connections that `run` lends to closures, kept between calls.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use diesel::r2d2::R2D2Connection;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection::LitefsConnection;
use crate::error::{Error, NotExecuted};

/// At most as many as the setting `pool_size` says. Who comes when all are lent waits, in order.
pub(crate) struct Lent {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<LitefsConnection>>>,
}

/// The right to one connection, which is opened where it may block.
pub(super) struct Loan {
    idle: Arc<Mutex<Vec<LitefsConnection>>>,
    /// Given back after the connection.
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    pub(crate) fn new(size: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(size)), idle: Arc::default() }
    }

    /// Waits its turn until `deadline`: all connections may be lent to closures that wait for each
    /// other.
    pub(super) async fn borrow(&self, deadline: Instant) -> Result<Loan, Error> {
        let permit = tokio::time::timeout_at(deadline.into(), self.permits.clone().acquire_owned()).await;
        let permit = permit
            .map_err(|_| Error::NotExecuted(NotExecuted::Expired))?
            .map_err(|_| Error::NotExecuted(NotExecuted::ShuttingDown))?;
        Ok(Loan { idle: self.idle.clone(), _permit: permit })
    }
}

impl Loan {
    /// Runs `work` with a connection, and keeps the connection for the next one. After a panic, or
    /// with a transaction left open, it is dropped, which rolls back.
    pub(super) fn with<R>(
        self,
        connect: impl FnOnce() -> Result<LitefsConnection, Error>,
        work: impl FnOnce(&mut LitefsConnection) -> R,
    ) -> Result<R, Error> {
        let kept = self.idle.lock().pop();
        let mut conn = match kept {
            Some(conn) => conn,
            None => connect()?,
        };
        let done = work(&mut conn);
        conn.lend_terms(None, None);
        // It also lays its file where the node can close it.
        if !conn.is_broken() {
            self.idle.lock().push(conn);
        }
        Ok(done)
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({} idle)", self.idle.lock().len())
    }
}
