//! How a link behaves.

use std::time::Duration;

/// What a [`Proxy`](super::Proxy) does to its connections; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// How much later each byte arrives, in each direction: half of the round trip. A connection
    /// is accepted at once; only what is sent on it takes its time.
    pub delay: Duration,
    /// At most so much in each direction of a connection; `None`: as much as can be.
    pub bytes_per_second: Option<u32>,
    /// One in so many packets is lost, which with TCP is one that comes when it was sent again,
    /// 200 ms later, and all that follows it waits for it. `None`: none. Every n-th of
    /// a connection and direction, so that a run can be repeated.
    pub loss: Option<u32>,
    /// Whether anything passes.
    pub passage: Passage,
}

/// After how long TCP sends a lost packet again, at the least: Linux's minimum.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// Whether anything passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passage {
    /// Yes.
    #[default]
    Open,
    /// Connections are accepted, and nothing passes on any.
    Frozen,
    /// All connections are reset.
    Cut,
}

impl Link {
    /// When what is sent `now` as the n-th packet (from 0) arrives.
    pub(super) fn travel(&self, nth: u64) -> Duration {
        let lost = self.loss.is_some_and(|one_in| (nth + 1).is_multiple_of(u64::from(one_in.max(1))));
        if lost { self.delay + RETRANSMISSION } else { self.delay }
    }

    /// How long the line is busy with so many bytes.
    pub(super) fn busy(&self, bytes: usize) -> Duration {
        match self.bytes_per_second {
            Some(rate) => Duration::from_secs_f64(bytes as f64 / f64::from(rate.max(1))),
            None => Duration::ZERO,
        }
    }
}
