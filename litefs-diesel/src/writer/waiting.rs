//! How many transactions wait for the one that is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts them up to a limit: each holds the writer for as long as it is open, so the last of many
/// would wait for all of them.
pub(super) struct Waiting {
    most: usize,
    now: Arc<AtomicUsize>,
}

/// The place of one that waits. Dropping it frees it.
pub(super) struct Place(Arc<AtomicUsize>);

impl Waiting {
    pub(super) fn new(most: usize) -> Self {
        Self { most, now: Arc::default() }
    }

    /// `None` when as many wait as may.
    pub(super) fn enter(&self) -> Option<Place> {
        let place = Place(self.now.clone());
        (self.now.fetch_add(1, Ordering::AcqRel) < self.most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
