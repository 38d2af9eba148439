//! When a connection has been there for long enough without any use.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Measures how long nothing was asked. A request costs a look at the clock; the timer is set anew only when it fires.
pub(super) struct Idle {
    limit: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Idle {
    pub(super) fn new(limit: Duration) -> Self {
        let since = Instant::now();
        Self { limit, since, timer: Box::pin(tokio::time::sleep_until(since + limit)) }
    }

    /// It is in use now.
    pub(super) fn used(&mut self) {
        self.since = Instant::now();
    }

    /// From now on another time counts.
    pub(super) fn restart(&mut self, limit: Duration) {
        self.limit = limit;
        self.used();
        self.timer.as_mut().reset(self.since + limit);
    }

    /// Returns when it was not used for the time. Cancelling it loses nothing.
    pub(super) async fn over(&mut self) {
        loop {
            self.timer.as_mut().await;
            let end = self.since + self.limit;
            if end <= Instant::now() {
                return;
            }
            self.timer.as_mut().reset(end);
        }
    }
}
