//! Holds new reads back while this node catches up.
//!
//! To apply a transaction LiteFS needs every lock of the database in one try, with growing pauses
//! between tries and no fairness: readers that begin back to back keep it out for seconds. So
//! while somebody waits for a position that is ahead, new reads wait too, and LiteFS finds the
//! locks free.
//!
//! Readers pay for that from an allowance, so that constant writes cannot starve them: every
//! millisecond of being open earns half a millisecond of being closed, up to [`SAVED`]. Hence reads
//! lose at most a third of their time for long, and a write after a quiet spell gets several tries
//! of [`MOST`] in a row, with a [`MOMENT`] between them in which the reads held back begin.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// The longest that a read is held back in one go. LiteFS's tries are some milliseconds apart when
/// it has just begun, and running reads have to end first.
const MOST: Duration = Duration::from_millis(50);
/// How long it stays open at least when nobody has caught up.
const MOMENT: Duration = Duration::from_millis(5);
/// The most allowance there is. On a busy machine a running read may be off its core for longer
/// than one [`MOST`].
const SAVED: Duration = Duration::from_millis(200);
/// The least allowance with which the gate closes: with less, running reads would hardly have
/// ended before it opens again, and both sides would lose.
const LEAST: Duration = Duration::from_millis(20);
/// Catching up for longer than this means that readers are in LiteFS's way: undisturbed it takes
/// some 3 ms.
const SLOW: Duration = Duration::from_millis(10);
/// For how long after that the gate closes as soon as a write is sent, and not only when its
/// position is known: then LiteFS finds the locks free at its first try. Costs each read of that
/// time a few milliseconds for each write, so it is not done on a node that has no such trouble.
const WARY: Duration = Duration::from_secs(5);
/// What one unit of being open earns, as a divisor.
const EARN: u32 = 2;

/// One for each database of a node. New gates are open.
#[derive(Debug)]
pub(crate) struct Gate {
    closed: AtomicBool,
    state: Mutex<State>,
    opened: Condvar,
    born: Instant,
    /// Until when writes are expected to meet readers, in milliseconds from `born`.
    wary_until: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// When it was last opened or closed.
    since: Instant,
    /// The allowance as of `since`.
    allowance: Duration,
    /// Whether the last closing ended without the node having caught up.
    in_vain: bool,
    /// How often it was opened.
    openings: u64,
}

impl State {
    /// When it opens by itself, if it is closed.
    fn until(&self) -> Instant {
        self.since + self.allowance.min(MOST)
    }
}

impl Gate {
    pub(super) fn new() -> Self {
        let state = State { since: Instant::now(), allowance: SAVED, in_vain: false, openings: 0 };
        Self {
            closed: AtomicBool::new(false),
            born: state.since,
            state: Mutex::new(state),
            opened: Condvar::new(),
            wary_until: AtomicU64::new(0),
        }
    }

    /// Blocks a new read while the gate is closed: at most 50 ms, and an atomic load when it is
    /// open. Not for a read inside a transaction that is open already: that one holds the locks
    /// that this waits for.
    pub(crate) fn pass(&self) {
        if self.closed.load(Ordering::Acquire) {
            self.wait();
        }
    }

    /// Closes it, if the allowance allows. It opens by itself when that is used up.
    pub(super) fn close(&self, now: Instant) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state.lock();
        let open = now.saturating_duration_since(state.since);
        let allowance = (state.allowance + open / EARN).min(SAVED);
        let soon = state.in_vain && open < MOMENT;
        if allowance >= LEAST && !soon && !self.closed.load(Ordering::Relaxed) {
            *state = State { since: now, allowance, in_vain: false, openings: state.openings };
            self.closed.store(true, Ordering::Release);
        }
    }

    /// A write is on its way whose position will be waited for: closes it at once when the last
    /// ones were kept waiting by readers.
    pub(super) fn expect(&self, now: Instant) {
        let wary_until = Duration::from_millis(self.wary_until.load(Ordering::Relaxed));
        if now.saturating_duration_since(self.born) < wary_until {
            self.close(now);
        }
    }

    /// Opens it.
    pub(super) fn open(&self, now: Instant) {
        if self.closed.load(Ordering::Relaxed) {
            self.open_locked(&mut self.state.lock(), now);
        }
    }

    fn wait(&self) {
        let mut state = self.state.lock();
        // A read that wakes late, into the next closing, has been held back enough.
        let this = state.openings;
        while self.closed.load(Ordering::Relaxed) && state.openings == this {
            let until = state.until();
            if self.opened.wait_until(&mut state, until).timed_out() && state.openings == this {
                self.open_locked(&mut state, Instant::now());
            }
        }
    }

    fn open_locked(&self, state: &mut State, now: Instant) {
        if self.closed.swap(false, Ordering::Release) {
            // Nobody was held back after its time was up, also when nobody came to open it.
            let end = now.min(state.until());
            let spent = end.saturating_duration_since(state.since);
            let allowance = state.allowance.saturating_sub(spent);
            if spent > SLOW {
                let wary_until = end.saturating_duration_since(self.born) + WARY;
                self.wary_until.store(wary_until.as_millis() as u64, Ordering::Relaxed);
            }
            *state = State { since: end, allowance, in_vain: end < now, openings: state.openings + 1 };
            self.opened.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    impl Gate {
        fn is_closed(&self) -> bool {
            self.closed.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_read_is_held_until_the_node_has_caught_up() {
        let gate = Gate::new();
        gate.pass();
        gate.close(Instant::now());
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| gate.pass());
            assert!(!reader.is_finished() || !gate.is_closed());
            gate.open(Instant::now());
            reader.join().unwrap();
        });
    }

    #[test]
    fn a_read_is_held_for_at_most_50_ms_when_the_node_does_not_catch_up() {
        let gate = Gate::new();
        let start = Instant::now();
        gate.close(start);
        gate.pass();
        let held = start.elapsed();
        assert!(held >= MOST - MS && !gate.is_closed(), "{held:?}");
        // It stays open for a moment, whatever is asked.
        let opened = gate.state.lock().since;
        gate.close(opened + MS);
        assert!(!gate.is_closed());
        gate.close(opened + MOMENT);
        assert!(gate.is_closed());
    }

    #[test]
    fn a_write_that_is_only_expected_closes_it_after_readers_were_in_the_way() {
        let gate = Gate::new();
        let start = Instant::now();
        gate.expect(start);
        assert!(!gate.is_closed(), "no trouble yet");
        gate.close(start);
        gate.open(start + SLOW + MS);
        gate.expect(start + SLOW + 2 * MS);
        assert!(gate.is_closed());
        gate.open(start + SLOW + 3 * MS);
        gate.expect(start + SLOW + 2 * MS + WARY);
        assert!(!gate.is_closed(), "the trouble is long over");
    }

    #[test]
    fn under_constant_writes_reads_lose_at_most_a_third_of_the_time() {
        let gate = Gate::new();
        let (mut now, mut closed) = (Instant::now(), Duration::ZERO);
        let step = MS / 10;
        for _ in 0..600_000 {
            gate.close(now);
            // What the readers' own time-out does.
            if now >= gate.state.lock().until() {
                gate.open(now);
            }
            closed += if gate.is_closed() { step } else { Duration::ZERO };
            now += step;
        }
        let third = 20_000 * MS;
        assert!(closed > third - 2000 * MS && closed < third + SAVED + 100 * MS, "{closed:?} of 60 s");
    }
}
