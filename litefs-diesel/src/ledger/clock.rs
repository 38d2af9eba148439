//! The ledger's own clock.

use std::time::{Duration, Instant};

use super::tables::number;

/// Milliseconds of a primary's life, all primaries' one after the other: it goes on from what the
/// ledger has, by this machine's monotonic time. So a wall clock that jumps ages nobody, and while
/// there is no primary it stands still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    stored: u64,
    since: Instant,
}

impl Clock {
    pub(super) fn from_stored(stored: i64) -> Self {
        Self { stored: number(stored), since: Instant::now() }
    }

    pub(super) fn now(&self) -> u64 {
        self.stored.saturating_add(millis(self.since.elapsed()))
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
