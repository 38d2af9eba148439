//! How many bytes of requests this node holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::request::Refusal;

/// Shared by all connections of a server.
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

/// A request's share, until it is answered or dropped.
pub(super) struct Room {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Result<Room, Refusal> {
        let room = Room { budget: Arc::clone(self), bytes };
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        // A request of any size is taken when nothing else is held.
        if before > 0 && before + bytes > self.limit { Err(Refusal::Overloaded) } else { Ok(room) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_limit_is_refused_until_something_is_given_back() {
        let budget = Budget::new(10);
        let whole = budget.take(11).unwrap_or_else(|_| panic!("refused when empty"));
        assert!(budget.take(1).is_err());
        drop(whole);
        let part = budget.take(6).unwrap_or_else(|_| panic!("refused when empty"));
        assert!(budget.take(5).is_err() && budget.take(4).is_ok());
        drop(part);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
