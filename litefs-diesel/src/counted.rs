//! What is counted on a test's own thread, for tests that look at it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use parking_lot::Mutex;

/// A recorder that keeps counters alone.
#[derive(Default)]
pub(crate) struct Counted {
    counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
}

impl Counted {
    /// How far the counter of that name has come; the values of its labels stand behind the name.
    pub(crate) fn of(&self, counter: &str) -> u64 {
        self.counters.lock().get(counter).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let words: Vec<_> = [key.name()].into_iter().chain(key.labels().map(|label| label.value())).collect();
        Counter::from_arc(Arc::clone(self.counters.lock().entry(words.join(" ")).or_default()))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
