//! The pauses between attempts.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// From `first` on, each twice as long as the one before up to `longest`, with jitter, without an end:
/// whoever tries again has a deadline.
pub(crate) fn pauses(first: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Between two attempts at the primary that were turned away. The first is about what the quick part
/// of a hand-off takes (LiteFS's whole one takes 134-194 ms); the longest keeps a full queue from being
/// asked all the time, and finds a new primary soon enough.
pub(crate) fn turned_away() -> ExponentialBackoff {
    pauses(Duration::from_millis(5), Duration::from_millis(250))
}
