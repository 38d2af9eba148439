//! Fault 10 of LiteFS: busy readers starve replication; and what the gate does about it.

use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use litefs_diesel_tests::cluster::Cluster;

use super::real::{MEASURING, Node, create};

/// Back to back on the replica; without the gate, five keep a write out for longer than 30 s.
const READERS: u32 = 5;
/// Enough for a p99 that is not the worst of all.
const WRITES: usize = 200;

fn open(file: &Path, mode: &str) -> SqliteConnection {
    let url = format!("file:{}?mode={mode}", file.display());
    let mut conn = SqliteConnection::establish(&url).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    conn
}

/// Reads until told to stop, and gives how long it was held back.
fn read_until(stop: &AtomicBool, replica: &Node, file: &Path) -> Duration {
    let mut conn = open(file, "ro");
    let mut held = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        replica.watch.gate().pass();
        held += start.elapsed();
        conn.batch_execute("SELECT sum(id) FROM rows").unwrap();
    }
    held
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn saturated_readers_let_writes_through_and_lose_at_most_a_third_of_their_time() {
    let _measuring = MEASURING.write().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let (primary, replica) = (Node::of(&cluster, 0), Node::of(&cluster, 1));
    let mut writer = open(&cluster.mount(0).join("app.db"), "rw");
    let thousand = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                    INSERT INTO rows SELECT i FROM n";
    writer.batch_execute(thousand).unwrap();
    replica.wait(primary.watch.read().unwrap().unwrap()).unwrap();

    let stop = AtomicBool::new(false);
    let file = cluster.mount(1).join("app.db");
    let (waits, held, took) = std::thread::scope(|scope| {
        let start = Instant::now();
        let readers: Vec<_> =
            (0..READERS).map(|_| scope.spawn(|| read_until(&stop, &replica, &file))).collect();
        let mut waits = Vec::new();
        for _ in 0..WRITES {
            writer.batch_execute("INSERT INTO rows DEFAULT VALUES").unwrap();
            let target = primary.watch.read().unwrap().unwrap();
            let start = Instant::now();
            let visible = replica.wait(target);
            if visible.is_err() {
                // Or the readers read for ever, and this test never fails.
                stop.store(true, Ordering::Relaxed);
            }
            visible.unwrap();
            waits.push(start.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
        let held: Duration = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        (waits, held, start.elapsed())
    });

    let mut waits = waits;
    waits.sort();
    let p99 = waits[WRITES * 99 / 100];
    eprintln!(
        "{:?} {:?} {p99:?} n {} lost {}",
        waits[waits.len() / 2],
        waits[waits.len() * 9 / 10],
        waits.len(),
        held.as_secs_f64() / (took * READERS).as_secs_f64()
    );
    assert!(p99 < Duration::from_millis(100), "p99 {p99:?}, p50 {:?}", waits[WRITES / 2]);
    let lost = held.as_secs_f64() / (took * READERS).as_secs_f64();
    assert!(lost <= 0.34, "readers were held back for {:.0} % of the time", lost * 100.0);
}
