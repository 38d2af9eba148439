//! How often the position is read while somebody waits.

use std::time::{Duration, Instant};

use super::position_file::Read;

/// How often the thread reads while somebody waits: often at first, when most waits end (a commit
/// is visible elsewhere after some 3 ms), and then less.
pub(super) struct Pace {
    start: Instant,
    asked: Instant,
}

impl Pace {
    pub(super) const SHORT: Duration = Duration::from_micros(150);
    pub(super) const LONG: Duration = Duration::from_millis(5);
    /// The longest that only the kernel's page is believed, which outlives LiteFS.
    const ASK: Duration = Duration::from_millis(10);

    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self { start: now, asked: now }
    }

    pub(super) fn restart(&mut self) {
        self.start = Instant::now();
    }

    pub(super) fn how(&mut self) -> Read {
        if self.asked.elapsed() < Self::ASK {
            return Read::Cached;
        }
        self.asked = Instant::now();
        Read::Asked
    }

    pub(super) fn next(&self) -> Duration {
        match self.start.elapsed().as_millis() {
            0..10 => Self::SHORT,
            10..50 => Duration::from_micros(500),
            50..1000 => Duration::from_millis(1),
            _ => Self::LONG,
        }
    }
}
