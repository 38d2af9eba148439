//! A read transaction: one snapshot of the file, on a thread of the pool.
//!
//! While it is open LiteFS can apply nothing on this node, nor be elected. So the thread ends it by
//! itself when its time is over, whatever its holder is at.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;
use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use tokio::sync::oneshot;

use super::{Readers, Shared};
use crate::error::{DatabaseError, Error, NotExecuted};
use crate::request::{CommitFailure, Step, Terms, Transaction, Written};
use crate::statement::execute::execute_until;
use crate::statement::{Outcome, Session, Statement};

/// How often a thread that waits for the next statement looks whether its node shuts down.
const LOOK: Duration = Duration::from_millis(50);

/// What the thread is asked.
enum Command {
    /// `Ok(None)`: it took too long.
    Run(Statement, oneshot::Sender<QueryResult<Option<Outcome>>>),
    End(oneshot::Sender<()>),
}

/// The holder's end. Dropping it ends the transaction.
struct Snapshot {
    commands: SyncSender<Command>,
    until: Instant,
    /// The time that `until` came from, for messages.
    limit: Duration,
    /// Why the thread ended it, once it has.
    ended: Arc<OnceLock<Ended>>,
}

#[derive(Clone, Copy)]
enum Ended {
    TooLong,
    ShuttingDown,
    /// The file under it was closed, because LiteFS went away.
    Renewed,
}

/// That a read was open for longer than the setting allows.
pub(crate) fn too_long(limit: Duration) -> Error {
    Error::ReadTimeout {
        why: format!(
            "it was open for longer than {} (setting `read_transaction`): an open read keeps LiteFS from applying \
             what others wrote",
            humantime::format_duration(limit)
        ),
    }
}

impl Readers {
    /// The setting `read_transaction`.
    pub(crate) fn limit(&self) -> Duration {
        self.shared.settings.read_transaction
    }

    /// Opens a read transaction when a thread of the pool is free. It runs what only reads, and a commit
    /// is no more than its end. A tokio runtime must be entered while its futures are polled.
    pub(crate) fn begin(
        &self,
        deadline: Instant,
    ) -> impl Future<Output = Result<Box<dyn Transaction>, Error>> + Send + 'static {
        let (shared, limit) = (self.shared.clone(), self.limit());
        let (commands, queue) = sync_channel(1);
        let (opened, open) = oneshot::channel();
        let ended = Arc::<OnceLock<Ended>>::default();
        let told = ended.clone();
        let job = self.run(deadline, move |conn| {
            let until = Instant::now() + limit;
            let generation = shared.generation.load(Ordering::Acquire);
            if let Err(error) = conn.batch_execute("BEGIN") {
                let _ = opened.send(Err(error));
                return;
            }
            let served = match opened.send(Ok(until)) {
                Ok(()) => serve(&shared, generation, conn, &queue, until),
                Err(_) => Ok(None),
            };
            if let Err(error) = conn.batch_execute("ROLLBACK") {
                tracing::debug!(%error, "a read transaction had ended by itself");
            }
            match served {
                Ok(Some(reply)) => drop(reply.send(())),
                Ok(None) => {}
                // Before the queue goes: who finds it closed finds the reason.
                Err(why) => drop(told.set(why)),
            }
        });
        async move {
            let mut job = Box::pin(job);
            let began = match select(open, &mut job).await {
                Either::Left((Ok(began), _)) => began,
                // No thread took it up.
                Either::Left((Err(_), job)) => return Err(job.await.err().unwrap_or_else(closed)),
                Either::Right((Err(error), _)) => return Err(error),
                Either::Right((Ok(()), open)) => open.await.map_err(|_| closed())?,
            };
            let until = began.map_err(Error::Read)?;
            Ok(Box::new(Snapshot { commands, until, limit, ended }) as Box<dyn Transaction>)
        }
    }
}

fn closed() -> Error {
    Error::NotExecuted(NotExecuted::ShuttingDown)
}

/// Serves one transaction until its holder ends it, which `Some` is to be told, or drops it. `Err` says why
/// this side ended it.
fn serve(
    shared: &Shared,
    generation: u64,
    conn: &mut SqliteConnection,
    queue: &Receiver<Command>,
    until: Instant,
) -> Result<Option<oneshot::Sender<()>>, Ended> {
    loop {
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(Ended::TooLong);
        }
        if shared.closed.load(Ordering::Acquire) {
            return Err(Ended::ShuttingDown);
        }
        if shared.generation.load(Ordering::Acquire) != generation {
            return Err(Ended::Renewed);
        }
        match queue.recv_timeout(rest.min(LOOK)) {
            Ok(Command::Run(statement, reply)) => {
                let _ = reply.send(execute_until(conn, &statement, until));
            }
            Ok(Command::End(reply)) => return Ok(Some(reply)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

impl Snapshot {
    /// Why the thread serves it no more.
    fn gone(&self) -> Error {
        match self.ended.get() {
            Some(Ended::TooLong) => too_long(self.limit),
            Some(Ended::Renewed) => Error::ReadTimeout { why: "LiteFS on this node went away".to_owned() },
            Some(Ended::ShuttingDown) | None => closed(),
        }
    }

    async fn ask(&self, statement: Statement, deadline: Instant) -> Result<Step, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(Command::Run(statement, reply)).map_err(|error| match error {
            // The thread is still at one whose time was over.
            TrySendError::Full(_) => too_long(self.limit),
            TrySendError::Disconnected(_) => self.gone(),
        })?;
        match tokio::time::timeout_at(deadline.min(self.until).into(), answer).await {
            Ok(Ok(Ok(None))) => Err(too_long(self.limit)),
            Ok(Ok(result)) => {
                let result = result.map(Option::unwrap_or_default).map_err(DatabaseError::from);
                Ok(Step { result, session: Session::default(), open: true })
            }
            Ok(Err(_)) => Err(self.gone()),
            Err(_) if deadline < self.until => {
                Err(Error::ReadTimeout { why: "the statement took too long".to_owned() })
            }
            Err(_) => Err(too_long(self.limit)),
        }
    }

    async fn end(self, deadline: Instant) {
        let (reply, answer) = oneshot::channel();
        if self.commands.try_send(Command::End(reply)).is_ok() {
            // Dropping it ends it too; this only waits for that.
            let _ = tokio::time::timeout_at(deadline.min(self.until).into(), answer).await;
        }
    }
}

impl Transaction for Snapshot {
    fn run(&mut self, statement: Statement, deadline: Instant) -> BoxFuture<'_, Result<Step, Error>> {
        self.ask(statement, deadline).boxed()
    }

    fn commit(self: Box<Self>, terms: Terms) -> BoxFuture<'static, Result<Written, CommitFailure>> {
        self.end(terms.deadline).map(|()| Ok(Written::default())).boxed()
    }

    fn rollback(self: Box<Self>, deadline: Instant) -> BoxFuture<'static, Result<Session, Error>> {
        self.end(deadline).map(|()| Ok(Session::default())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;
    use litefs_diesel_tests::cluster::Cluster;

    use super::*;
    use crate::statement::Want;
    use crate::value::Values;

    #[test]
    #[ignore = "needs LiteFS: tests/run"]
    fn a_snapshot_that_is_held_too_long_lets_litefs_go_on() {
        let cluster = Cluster::start(2).unwrap();
        let write = |sql: &str| {
            let file = cluster.mount(0).join("app.db").display().to_string();
            SqliteConnection::establish(&file).unwrap().batch_execute(sql).unwrap();
        };
        write("PRAGMA journal_mode = wal; CREATE TABLE rows (id INTEGER PRIMARY KEY)");
        cluster.wait_replicated(0, "app.db").unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let readers = Readers::of_file(&cluster.mount(1).join("app.db"), |_| Ok(()));
        let later = || Instant::now() + Duration::from_secs(30);
        let mut snapshot = runtime.block_on(readers.begin(later())).unwrap();
        let count = || Statement {
            sql: "SELECT count(*) FROM rows".to_owned(),
            binds: Values::new(),
            cacheable: true,
            want: Want::Rows,
        };
        let step = runtime.block_on(snapshot.run(count(), later())).unwrap();
        assert!(step.result.is_ok(), "{step:?}");
        let before = cluster.position(1, "app.db").unwrap();
        write("INSERT INTO rows DEFAULT VALUES");
        // Fault 10: LiteFS waits for the reader, and goes on though nobody ends the snapshot here.
        cluster.wait_replicated(0, "app.db").unwrap();
        assert_ne!(cluster.position(1, "app.db").unwrap(), before);
        let late = runtime.block_on(snapshot.run(count(), later()));
        assert!(matches!(late, Err(Error::ReadTimeout { .. })), "{late:?}");
        drop(snapshot);
        readers.close();
    }
}
