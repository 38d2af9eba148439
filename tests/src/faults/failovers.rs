//! How long after a failover the first write is acknowledged.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use litefs_diesel::Position;

use super::clock;
use super::record::{Class, End, Process};
use super::stage::DATABASE;
use crate::cluster::Cluster;

/// The moments at which another node was primary, by LiteFS's own word.
#[derive(Debug, Default)]
pub(super) struct Failovers(Mutex<Vec<Switched>>);

#[derive(Clone, Copy, Debug)]
struct Switched {
    /// Not before this moment.
    at: u64,
    /// What the new primary had soon after it.
    position: Position,
}

/// How often LiteFS is asked.
const STEP: Duration = Duration::from_millis(25);

impl Failovers {
    /// Watches a cluster while something runs.
    pub(super) fn watched<T>(
        &self,
        cluster: &Cluster,
        moved: impl Fn(usize, usize) + Send,
        run: impl FnOnce() -> T,
    ) -> T {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| self.watch(cluster, moved, &over));
            // Also when it panics: else this would wait for ever.
            let _over = SetOnDrop(&over);
            run()
        })
    }

    /// Tells `moved` of each change, from which node to which.
    fn watch(&self, cluster: &Cluster, moved: impl Fn(usize, usize), over: &AtomicBool) {
        let mut last = cluster.primary();
        let mut asked = clock::now();
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(STEP);
            let now = clock::now();
            // With two primaries nobody knows which acknowledged what.
            if let [primary] = cluster.primaries()[..] {
                if let Some(last) = last.filter(|last| *last != primary) {
                    moved(last, primary);
                    // It became primary after it was asked last, and may have written since: this makes
                    // times too long, never too short.
                    let position = cluster.position(primary, DATABASE).ok();
                    if let Some(position) = position.and_then(|position| position.parse().ok()) {
                        let mut failovers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                        failovers.push(Switched { at: asked, position });
                    }
                }
                last = Some(primary);
            }
            asked = now;
        }
    }

    /// For each, how long it took until a caller was told of a write of the new primary: one with a later
    /// position, and that is there in the end. What the old primary had done may be told a little after
    /// the lease has moved, and is no recovery.
    #[must_use]
    pub(super) fn first_writes(&self, processes: &[Process], there: &BTreeSet<i64>) -> Vec<Duration> {
        let attempts = processes.iter().flat_map(|process| process.attempts.values());
        let done = |end: &&End| end.class == Class::Value && there.contains(&end.tag);
        let placed = |end: &End| Some((end.at, end.position.as_ref()?.parse::<Position>().ok()?));
        let ends = attempts.filter_map(|recorded| recorded.end.as_ref()).filter(done);
        let mut acknowledged: Vec<_> = ends.filter_map(placed).collect();
        acknowledged.sort_unstable_by_key(|(at, _)| *at);
        let failovers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first_after = |switched: &Switched| {
            let after = acknowledged.partition_point(|(at, _)| *at < switched.at);
            let news =
                acknowledged[after..].iter().find(|(_, position)| position.txid > switched.position.txid);
            Some(Duration::from_micros(news?.0 - switched.at))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::record::Recorded;
    use crate::faults::single::insert;
    use crate::faults::work::Level;

    fn position(txid: u64) -> String {
        format!("{txid:016x}/8000000000000001")
    }

    fn told(tag: i64, at: u64, txid: u64) -> (i64, Recorded) {
        let end = End {
            at,
            tag,
            class: Class::Value,
            detail: None,
            position: Some(position(txid)),
            given: None,
            late_ms: 0,
        };
        (tag, Recorded { at: 0, attempt: insert(tag, Level::Visible, 100), end: Some(end) })
    }

    #[test]
    fn what_the_old_primary_did_is_no_recovery() {
        let failovers = Failovers::default();
        let position = position(10).parse().unwrap();
        failovers.0.lock().unwrap().push(Switched { at: 1_000, position });
        // Of before; of the old history, which is gone; and then one of the new primary.
        let attempts = [told(1, 2_000, 10), told(2, 3_000, 11), told(3, 9_000, 11), told(4, 10_000, 12)];
        let process = Process { attempts: attempts.into_iter().collect(), ..Process::default() };
        let there = BTreeSet::from([1, 3, 4]);
        assert_eq!(failovers.first_writes(&[process], &there), [Duration::from_millis(8)]);
    }
}
