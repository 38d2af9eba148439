//! How long after a failover the first write is acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clock;
use super::record::{Class, Process};
use crate::cluster::Cluster;

/// The moments at which another node was primary, by LiteFS's own word.
#[derive(Debug, Default)]
pub(super) struct Failovers(Mutex<Vec<u64>>);

/// How often LiteFS is asked.
const STEP: Duration = Duration::from_millis(25);

impl Failovers {
    /// Watches a cluster while something runs.
    pub(super) fn watched<T>(&self, cluster: &Cluster, run: impl FnOnce() -> T) -> T {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| self.watch(cluster, &over));
            // Also when it panics: else this would wait for ever.
            let _over = SetOnDrop(&over);
            run()
        })
    }

    fn watch(&self, cluster: &Cluster, over: &AtomicBool) {
        let mut last = cluster.primary();
        let mut asked = clock::now();
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(STEP);
            let now = clock::now();
            // With two primaries nobody knows which acknowledged what.
            if let [primary] = cluster.primaries()[..] {
                if last.is_some_and(|last| last != primary) {
                    // It became primary after it was asked last: this makes times too long, never
                    // too short.
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
                }
                last = Some(primary);
            }
            asked = now;
        }
    }

    /// For each, how long it took until a write of any application was acknowledged.
    #[must_use]
    pub(super) fn first_writes(&self, processes: &[Process]) -> Vec<Duration> {
        let attempts = processes.iter().flat_map(|process| process.attempts.values());
        let ends = attempts.filter_map(|recorded| recorded.end.as_ref());
        let mut acknowledged: Vec<_> =
            ends.filter(|end| end.class == Class::Value).map(|end| end.at).collect();
        acknowledged.sort_unstable();
        let failovers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first_after = |&at: &u64| {
            let first = acknowledged[acknowledged.partition_point(|&end| end < at)..].first()?;
            Some(Duration::from_micros(first - at))
        };
        failovers.iter().filter_map(first_after).collect()
    }
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
