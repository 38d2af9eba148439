//! The clock of all records.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds since some point in the past, by the clock that goes on evenly and is the same for
/// all processes of this machine, paused ones too.
#[must_use]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default() * 1_000_000 + nanos.unwrap_or_default() / 1_000
}
