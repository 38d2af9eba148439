//! Answers that wait until their callers take them.
//!
//! A caller that asks and does not read would fill this node's memory with what it asked for. So the bytes of
//! all answers that wait are counted until the connection has taken them. An answer that is not taken in time
//! ends its connection; when there are too many bytes, the connections that have kept theirs waiting longest
//! are ended first, so that who reads is not refused for who does not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::request::Refusal;
use crate::rpc::Service;
use crate::rpc::codec::Answer;
use crate::shares::{Share, Shares};

/// An answer that waited for so long is of a caller that does not read. Others are sent within milliseconds.
const STUCK: Duration = Duration::from_secs(1);

/// What an answer costs besides its values or its text; and one of which those take no more is never refused for
/// want of room, because the refusal would cost about as much.
pub(super) const SMALL: usize = 1 << 10;

/// Those of all connections.
pub(super) struct Replies {
    bytes: Arc<Shares>,
    timeout: Duration,
    started: Instant,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    next: u64,
    of: HashMap<u64, Arc<Line>>,
}

/// Those of one connection.
struct Line {
    bytes: AtomicUsize,
    /// Since when the first one waits, in milliseconds of [`Replies::started`], plus one; 0 when none is in the
    /// connection's buffer.
    since: AtomicU64,
    cut: CancellationToken,
}

/// A connection's place among them, while it is open.
pub(super) struct Waiting {
    all: Arc<Replies>,
    number: u64,
    line: Arc<Line>,
}

/// An answer, and its part of what may wait.
pub(super) struct Ready<S: Service> {
    pub(super) answer: Answer<S>,
    pub(super) part: Part,
}

/// Until the answer has been taken, or nobody wants it.
pub(super) struct Part {
    share: Share,
    line: Arc<Line>,
    pub(super) since: Instant,
}

impl Replies {
    pub(super) fn new(bytes: usize, timeout: Duration) -> Arc<Self> {
        let bytes = Shares::new("limits.reply_bytes", bytes);
        Arc::new(Self { bytes, timeout, started: Instant::now(), lines: Mutex::default() })
    }

    /// A new connection.
    pub(super) fn line(self: &Arc<Self>) -> Arc<Waiting> {
        let line = Arc::new(Line {
            bytes: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            cut: CancellationToken::new(),
        });
        let mut lines = self.lines.lock();
        lines.next += 1;
        let number = lines.next;
        lines.of.insert(number, Arc::clone(&line));
        drop(lines);
        Arc::new(Waiting { all: Arc::clone(self), number, line })
    }

    /// How many bytes wait.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.used()
    }

    /// Ends the connections whose first answer has waited longest, until their bytes are as many as are too
    /// many. Not those whose answers may be on their way just now.
    #[cold]
    fn relieve(&self, over: usize) {
        let now = self.started.elapsed();
        let mut stuck: Vec<_> = {
            let lines = self.lines.lock();
            let since =
                |line: &Arc<Line>| Some((line.since.load(Ordering::Relaxed).checked_sub(1)?, line.clone()));
            lines.of.values().filter_map(since).collect()
        };
        stuck.retain(|(since, _)| now.saturating_sub(Duration::from_millis(*since)) >= STUCK);
        stuck.sort_unstable_by_key(|(since, _)| *since);
        let mut freed = 0;
        for (_, line) in stuck {
            if freed >= over {
                break;
            }
            line.cut.cancel();
            freed += line.bytes.load(Ordering::Relaxed);
        }
    }
}

impl Waiting {
    /// An answer whose values or text are about so many bytes, or what is said instead when there is no room for
    /// it.
    pub(super) fn ready<S: Service>(&self, mut answer: Answer<S>, weight: usize) -> Ready<S> {
        let (shares, bytes) = (&self.all.bytes, SMALL + weight);
        let (answer, share) = match shares.take(bytes) {
            Ok(share) => (answer, share),
            Err(_) if weight <= SMALL => (answer, shares.take_anyway(bytes)),
            Err(bound) => {
                self.all.relieve(bytes);
                // What it says stays, but not all of its words.
                let left = answer.as_mut().map_or_else(|refusal| refusal.shorten(SMALL), |_| 0);
                let refused = answer.and_then(|reply| {
                    Err(match S::unsendable(&reply, format!("too much waits to be sent already, {bound}")) {
                        // Nothing came of it that would be lost.
                        Refusal::Refused(_) => Refusal::Overloaded(bound),
                        other => other,
                    })
                });
                (refused, shares.take_anyway(SMALL + left))
            }
        };
        self.line.bytes.fetch_add(share.count(), Ordering::Relaxed);
        let part = Part { share, line: Arc::clone(&self.line), since: Instant::now() };
        Ready { answer, part }
    }

    /// Since when the first one in the connection's buffer waits; `None` when there is none.
    pub(super) fn first(&self, since: Option<Instant>) {
        let of = |since: Instant| since.saturating_duration_since(self.all.started).as_millis() as u64 + 1;
        self.line.since.store(since.map_or(0, of), Ordering::Relaxed);
    }

    /// When an answer that waits since then is late.
    pub(super) fn due(&self, since: Instant) -> Instant {
        since + self.all.timeout
    }

    /// Returns when the connection is to end for the others' sake.
    pub(super) async fn cut(&self) {
        self.line.cut.cancelled().await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.all.lines.lock().of.remove(&self.number);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.line.bytes.fetch_sub(self.share.count(), Ordering::Relaxed);
    }
}
