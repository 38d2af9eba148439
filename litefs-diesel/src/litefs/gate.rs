//! Holds new reads back while this node catches up.
//!
//! To apply a transaction LiteFS needs every lock of the database in one try, with growing pauses
//! between tries and no fairness: readers that begin back to back keep it out for seconds. So
//! while somebody waits for a position that is ahead, new reads wait too, and LiteFS finds the
//! locks free.
//!
//! Readers pay for that from an allowance, so that constant writes cannot starve them: every
//! millisecond of being open earns half a millisecond of being closed, up to [`MOST`]. Hence reads
//! lose at most a third of the time, and a write after a quiet spell has the whole allowance.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// The longest that a read is held back in one go, and the most allowance there is. LiteFS's tries
/// are some milliseconds apart when it has just begun.
const MOST: Duration = Duration::from_millis(50);
/// The least allowance with which the gate closes: with less, running reads would hardly have
/// ended before it opens again, and both sides would lose.
const LEAST: Duration = Duration::from_millis(20);
/// What one unit of being open earns, as a divisor.
const EARN: u32 = 2;

/// One for each database of a node. New gates are open.
#[derive(Debug)]
pub(crate) struct Gate {
    closed: AtomicBool,
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Debug)]
struct State {
    /// When it was last opened or closed.
    since: Instant,
    /// The allowance as of `since`.
    allowance: Duration,
}

impl Gate {
    pub(super) fn new() -> Self {
        let state = State { since: Instant::now(), allowance: MOST };
        Self { closed: AtomicBool::new(false), state: Mutex::new(state), opened: Condvar::new() }
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
        let earned = state.allowance + now.saturating_duration_since(state.since) / EARN;
        if earned >= LEAST && !self.closed.load(Ordering::Relaxed) {
            *state = State { since: now, allowance: earned.min(MOST) };
            self.closed.store(true, Ordering::Release);
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
        while self.closed.load(Ordering::Relaxed) {
            let until = state.since + state.allowance;
            if self.opened.wait_until(&mut state, until).timed_out() {
                self.open_locked(&mut state, Instant::now());
            }
        }
    }

    fn open_locked(&self, state: &mut State, now: Instant) {
        if self.closed.swap(false, Ordering::Release) {
            // Nobody was held back after the allowance was used up, also when nobody came to open.
            let spent = now.saturating_duration_since(state.since).min(state.allowance);
            *state = State { since: state.since + spent, allowance: state.allowance - spent };
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
        // The allowance is used up: it stays open for a moment, whatever is asked.
        gate.close(Instant::now());
        assert!(!gate.is_closed());
    }

    #[test]
    fn under_constant_writes_reads_lose_at_most_a_third_of_the_time() {
        let gate = Gate::new();
        let (mut now, mut closed) = (Instant::now(), 0);
        for _ in 0..60_000 {
            gate.close(now);
            let held = gate.is_closed();
            // What the readers' own time-out does.
            let used_up = {
                let state = gate.state.lock();
                now + MS > state.since + state.allowance
            };
            if held && used_up {
                gate.open(now);
            }
            closed += u32::from(gate.is_closed());
            now += MS;
        }
        assert!((18_000..=20_100).contains(&closed), "{closed} ms of 60,000");
    }
}
