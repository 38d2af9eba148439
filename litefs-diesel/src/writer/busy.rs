//! Reports what keeps the writer busy for too long. Nothing can stop it: Diesel has no interrupt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// As much of a text as is reported, in bytes.
const SHOWN: usize = 200;

/// What the writer is at, and the thread that looks now and then whether it is still that.
pub(super) struct Busy {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    repo: String,
    limit: Duration,
    running: Mutex<Running>,
    /// Nothing ran when it was looked last: the thread sleeps until it is woken.
    asleep: AtomicBool,
    closed: AtomicBool,
    reported: AtomicU64,
}

#[derive(Default)]
struct Running {
    since: Option<Instant>,
    text: String,
    reported: bool,
}

/// For as long as it runs.
pub(super) struct At(Arc<Shared>);

impl Busy {
    pub(super) fn start(repo: &str, limit: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            repo: repo.to_owned(),
            limit,
            running: Mutex::default(),
            asleep: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            reported: AtomicU64::new(0),
        });
        let watched = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name(format!("busy {repo}")).spawn(move || watched.watch())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The writer begins with this statement, procedure or migration.
    pub(super) fn at(&self, text: &str) -> At {
        let mut running = self.shared.running.lock();
        running.text.clear();
        let end = (0..=SHOWN.min(text.len())).rfind(|end| text.is_char_boundary(*end));
        running.text.push_str(&text[..end.unwrap_or_default()]);
        running.since = Some(Instant::now());
        drop(running);
        if self.shared.asleep.swap(false, Ordering::AcqRel) {
            self.wake();
        }
        At(Arc::clone(&self.shared))
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    #[cfg(test)]
    pub(super) fn reported(&self) -> u64 {
        self.shared.reported.load(Ordering::Acquire)
    }
}

impl Shared {
    fn watch(&self) {
        while !self.closed.load(Ordering::Acquire) {
            let idle = {
                let mut running = self.running.lock();
                let for_long =
                    running.since.map(|since| since.elapsed()).filter(|so_far| *so_far >= self.limit);
                if for_long.is_some() && !running.reported {
                    running.reported = true;
                    self.report(&running.text);
                }
                let idle = running.since.is_none();
                // Under the lock: what begins after it sees this, and wakes.
                self.asleep.store(idle, Ordering::Release);
                idle
            };
            match idle {
                true => std::thread::park(),
                false => std::thread::park_timeout(self.limit / 4),
            }
        }
    }

    fn report(&self, text: &str) {
        let (repo, seconds) = (&self.repo, self.limit.as_secs_f32());
        tracing::warn!(
            repo,
            text,
            "one statement has kept the writer busy for {seconds} s; it cannot be stopped, and everybody's writes wait \
             (setting `busy_report`)"
        );
        metrics::counter!("litefs_diesel_writer_busy_total", "repo" => repo.clone()).increment(1);
        self.reported.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for At {
    fn drop(&mut self) {
        let mut running = self.0.running.lock();
        let since = running.since.take();
        if std::mem::take(&mut running.reported) {
            let seconds = since.map(|since| since.elapsed().as_secs_f32()).unwrap_or_default();
            tracing::warn!(
                repo = self.0.repo,
                text = running.text,
                "the statement has ended after {seconds} s"
            );
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It cannot panic, and nothing is lost if it did.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for a condition; at most 20 s.
    fn until(what: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !what() {
            assert!(Instant::now() < deadline, "it does not happen");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_takes_long_is_reported_once_and_what_comes_after_it_anew() {
        let busy = Busy::start("test", Duration::from_millis(20)).unwrap();
        for times in 1..=3 {
            until(|| busy.shared.asleep.load(Ordering::Acquire));
            let at = busy.at("SELECT 'ä very long one'");
            until(|| busy.reported() == times);
            // Looked at again, it says nothing more.
            let seen = Instant::now();
            until(|| seen.elapsed() > Duration::from_millis(40));
            assert_eq!(busy.reported(), times);
            drop(at);
        }
    }

    #[test]
    fn what_is_over_in_time_is_not_reported() {
        let busy = Busy::start("test", Duration::from_secs(3600)).unwrap();
        (0..1_000).for_each(|_| drop(busy.at(&"é".repeat(SHOWN))));
        assert_eq!(busy.reported(), 0);
    }
}
