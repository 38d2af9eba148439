//! Threads that read, each with its own connection.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{JoinHandle, Thread};
use std::time::Instant;

use diesel::sqlite::SqliteConnection;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::{Shared, open};
use crate::error::{Error, NotExecuted};

/// Gets the connection, or why there is none.
type Job = Box<dyn FnOnce(Result<&mut SqliteConnection, Error>) + Send>;

pub(super) struct Pool {
    queue: Arc<Queue>,
    /// As many reads are let into the queue as keep every thread busy; the others wait in order,
    /// as futures that their callers hold.
    admitted: Arc<Semaphore>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Reads in the queue for each thread: one that runs and one that is next.
const AHEAD: usize = 2;

/// What the threads share.
struct Queue {
    state: Mutex<State>,
}

struct State {
    jobs: VecDeque<Job>,
    /// Threads without work, by number. The one that came last is asked first: its connection is
    /// still in the processor's caches, and others may sleep on.
    idle: Vec<usize>,
    /// A job for a thread that was taken from `idle`, and how to wake it; by its number.
    seats: Vec<Seat>,
    closed: bool,
}

#[derive(Default)]
struct Seat {
    job: Option<Job>,
    /// Look whether the connection must be closed.
    look: bool,
    thread: Option<Thread>,
}

impl Pool {
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Self> {
        let size = shared.settings.pool_size;
        let state = State {
            jobs: VecDeque::with_capacity(size * AHEAD),
            idle: Vec::with_capacity(size),
            seats: std::iter::repeat_with(Seat::default).take(size).collect(),
            closed: false,
        };
        let queue = Arc::new(Queue { state: Mutex::new(state) });
        let threads = (0..size)
            .map(|number| {
                let (shared, queue) = (shared.clone(), queue.clone());
                std::thread::Builder::new()
                    .name(format!("reader {number} {}", shared.settings.name))
                    .spawn(move || serve(&shared, &queue, number))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self { queue, admitted: Arc::new(Semaphore::new(size * AHEAD)), threads: Mutex::new(threads) })
    }

    pub(super) fn run<R: Send + 'static>(
        &self,
        deadline: Instant,
        job: impl FnOnce(&mut SqliteConnection) -> R + Send + 'static,
    ) -> impl Future<Output = Result<R, Error>> + Send + 'static {
        let (queue, admitted) = (self.queue.clone(), self.admitted.clone());
        let read = async move {
            let permit = admitted.acquire_owned().await.map_err(|_| closed())?;
            let (reply, answer) = oneshot::channel();
            queue.push(Box::new(move |conn| {
                // The place in the queue is free as soon as a thread has taken the read.
                drop(permit);
                // Given up, or too late: nobody would look at the result.
                if reply.is_closed() || Instant::now() >= deadline {
                    return;
                }
                let _ = reply.send(conn.map(job));
            }))?;
            answer.await.map_err(|_| if Instant::now() < deadline { panicked() } else { late() })?
        };
        async move { tokio::time::timeout_at(deadline.into(), read).await.unwrap_or_else(|_| Err(late())) }
    }

    /// Makes each idle thread look whether its connection must be closed. One that is busy looks
    /// before its next read anyway.
    pub(super) fn wake(&self) {
        self.queue.state.lock().seats.iter_mut().for_each(Seat::wake);
    }

    pub(super) fn close(&self) {
        self.admitted.close();
        let waiting = {
            let mut state = self.queue.state.lock();
            state.closed = true;
            state.seats.iter_mut().for_each(Seat::wake);
            std::mem::take(&mut state.jobs)
        };
        // Outside the lock, because it runs other tasks' wakers.
        waiting.into_iter().for_each(|job| job(Err(closed())));
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader's thread panicked");
            }
        }
    }
}

impl Seat {
    fn wake(&mut self) {
        self.look = true;
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Queue {
    fn push(&self, job: Job) -> Result<(), Error> {
        let thread = {
            let mut state = self.state.lock();
            if state.closed {
                return Err(closed());
            }
            let Some(number) = state.idle.pop() else {
                // There are fewer permits than places.
                state.jobs.push_back(job);
                return Ok(());
            };
            let seat = &mut state.seats[number];
            seat.job = Some(job);
            seat.thread.clone()
        };
        if let Some(thread) = thread {
            thread.unpark();
        }
        Ok(())
    }

    /// The next job of a thread; `Ok(None)`: only look. Blocks while there is none.
    fn next(&self, number: usize) -> Result<Option<Job>, Closed> {
        {
            let mut state = self.state.lock();
            if state.closed {
                return Err(Closed);
            }
            if let Some(job) = state.jobs.pop_front() {
                return Ok(Some(job));
            }
            state.seats[number].thread = Some(std::thread::current());
            state.idle.push(number);
        }
        loop {
            std::thread::park();
            let mut state = self.state.lock();
            let seat = &mut state.seats[number];
            if let Some(job) = seat.job.take() {
                return Ok(Some(job));
            }
            let look = std::mem::take(&mut seat.look);
            if state.closed {
                return Err(Closed);
            }
            if look {
                state.idle.retain(|idle| *idle != number);
                return Ok(None);
            }
        }
    }
}

/// The pool is closed.
struct Closed;

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

fn serve(shared: &Shared, queue: &Queue, number: usize) {
    let mut open: Option<(u64, SqliteConnection)> = None;
    while let Ok(job) = queue.next(number) {
        let generation = shared.generation.load(Ordering::Acquire);
        if open.as_ref().is_some_and(|(opened, _)| *opened != generation) {
            open = None;
        }
        let Some(job) = job else { continue };
        (shared.gate)();
        let opened = open.take();
        // The application's code runs here too (`on_open`, `FromSql`): its panic must not take the
        // thread along. The connection is not used again after one.
        let ran = catch_unwind(AssertUnwindSafe(|| {
            match opened.map_or_else(|| open::open(&shared.settings).map(|conn| (generation, conn)), Ok) {
                Ok((opened, mut conn)) => {
                    job(Ok(&mut conn));
                    Some((opened, conn))
                }
                Err(error) => {
                    job(Err(cannot_open(shared, &error)));
                    None
                }
            }
        }));
        open = ran.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::super::{Error, Readers};
    use super::*;
    use crate::config::{Config, RepoConfig};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_that_waits_when_the_pool_closes_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("app.db");
        std::fs::write(&file, "").unwrap();
        let repo = RepoConfig::new(file.to_str().unwrap()).pool_size(1);
        let settings = Config::default().repo("test", repo).resolve().unwrap().repos["test"].clone();
        let readers = Readers::start(settings, Arc::new(|| ())).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let ((running, runs), (go_on, wait)) = (channel(), channel::<()>());
        let first = tokio::spawn(readers.run(deadline, move |_| {
            running.send(()).unwrap();
            wait.recv().unwrap();
        }));
        runs.recv().unwrap();
        let second = tokio::spawn(readers.run(deadline, |_| ()));
        while readers.pool.queue.state.lock().jobs.is_empty() {
            tokio::task::yield_now().await;
        }
        let closing = std::thread::spawn({
            let readers = readers.clone();
            move || readers.close()
        });
        let refused = second.await.unwrap();
        assert!(matches!(refused, Err(Error::NotExecuted(NotExecuted::ShuttingDown))), "{refused:?}");
        go_on.send(()).unwrap();
        assert!(first.await.unwrap().is_ok());
        closing.join().unwrap();
    }
}
