//! Threads that read, each with its own connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};
use diesel::sqlite::SqliteConnection;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::{Shared, open};
use crate::error::{Error, NotExecuted};

/// Gets the connection, or why there is none.
type Job = Box<dyn FnOnce(Result<&mut SqliteConnection, Error>) + Send>;

enum Message {
    Read(Job),
    /// Look whether the connection must be opened anew.
    Wake,
}

pub(super) struct Pool {
    jobs: Mutex<Option<Sender<Message>>>,
    /// As many reads are let into the queue as keep every thread busy; the others wait in order,
    /// as futures that their callers hold.
    admitted: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    size: usize,
}

/// Reads in the queue for each thread: one that runs and one that is next.
const AHEAD: usize = 2;

impl Pool {
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let size = shared.settings.pool_size;
        // Room for every admitted read and one `Wake` a thread.
        let (sender, jobs) = bounded(size * (AHEAD + 1));
        let threads = (0..size)
            .map(|index| {
                let (shared, jobs) = (shared.clone(), jobs.clone());
                std::thread::Builder::new()
                    .name(format!("reader {index} {}", shared.settings.name))
                    .spawn(move || serve(&shared, &jobs))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self {
            jobs: Mutex::new(Some(sender)),
            admitted: Arc::new(Semaphore::new(size * AHEAD)),
            threads: Mutex::new(threads),
            size,
        })
    }

    pub(super) fn run<R: Send + 'static>(
        &self,
        deadline: Instant,
        job: impl FnOnce(&mut SqliteConnection) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>> + Send + 'static {
        let jobs = self.jobs.lock().clone();
        let admitted = self.admitted.clone();
        let read = async move {
            let jobs = jobs.ok_or_else(closed)?;
            let permit = admitted.acquire_owned().await.map_err(|_| closed())?;
            let (reply, answer) = oneshot::channel();
            let run: Job = Box::new(move |conn| {
                // The place in the queue is free as soon as a thread has taken the read.
                drop(permit);
                // Given up, or too late: nobody would look at the result.
                if reply.is_closed() || Instant::now() >= deadline {
                    return;
                }
                let _ = reply.send(conn.map(job));
            });
            // Never full: there are fewer permits than places.
            jobs.try_send(Message::Read(run)).map_err(|_| closed())?;
            answer.await.map_err(|_| if Instant::now() < deadline { panicked() } else { late() })?
        };
        async move { tokio::time::timeout_at(deadline.into(), read).await.unwrap_or_else(|_| Err(late())) }
    }

    pub(super) fn wake(&self) {
        if let Some(jobs) = &*self.jobs.lock() {
            // A thread that is busy looks anyway before its next read.
            (0..self.size).for_each(|_| drop(jobs.try_send(Message::Wake)));
        }
    }

    pub(super) fn close(&self) {
        self.admitted.close();
        self.jobs.lock().take();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader's thread panicked");
            }
        }
    }
}

fn closed() -> Error {
    Error::NotExecuted(NotExecuted::ShuttingDown)
}

fn late() -> Error {
    Error::ReadTimeout {
        why: "the readers were busy (setting `pool_size`), or the read took too long".into(),
    }
}

fn cannot_open(shared: &Shared, error: &diesel::result::ConnectionError) -> Error {
    let text = format!("cannot open {} for reading: {error}", shared.settings.database);
    Error::Read(diesel::result::Error::QueryBuilderError(text.into()))
}

fn panicked() -> Error {
    Error::Read(diesel::result::Error::DeserializationError("the code that reads the rows panicked".into()))
}

fn serve(shared: &Shared, jobs: &Receiver<Message>) {
    let mut open: Option<(u64, SqliteConnection)> = None;
    while let Ok(message) = jobs.recv() {
        let generation = shared.generation.load(Ordering::Acquire);
        if open.as_ref().is_some_and(|(opened, _)| *opened != generation) {
            open = None;
        }
        let Message::Read(job) = message else { continue };
        (shared.gate)();
        let conn = match open.take() {
            Some(conn) => Ok(conn),
            None => open::open(&shared.settings).map(|conn| (generation, conn)),
        };
        // The job runs the application's code too (`FromSql`): its panic must not take the thread
        // along. The connection is not used again after one.
        let ran = catch_unwind(AssertUnwindSafe(|| match conn {
            Ok((opened, mut conn)) => {
                job(Ok(&mut conn));
                Some((opened, conn))
            }
            Err(error) => {
                job(Err(cannot_open(shared, &error)));
                None
            }
        }));
        open = ran.unwrap_or_default();
    }
}
