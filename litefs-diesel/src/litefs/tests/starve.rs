//! Fault 10 of LiteFS: busy readers starve replication; and what the gate does about it.

use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use litefs_diesel_tests::cluster::Cluster;

use super::super::WaitError;
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

/// What a reader went through.
struct Reader {
    /// For how long the gate held it back.
    held: Duration,
    /// How many times longer it was runnable than running. With nothing else on two cores, five
    /// readers are at 2.5; with more on the machine a reader is off its core for longer while it
    /// holds LiteFS's locks, which no gate can help.
    crowding: f64,
}

fn read_until(stop: &AtomicBool, replica: &Node, file: &Path) -> Reader {
    let mut conn = open(file, "ro");
    let mut held = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        replica.watch.gate().pass();
        held += start.elapsed();
        conn.batch_execute("SELECT sum(id) FROM rows").unwrap();
    }
    // Nanoseconds on a core, and nanoseconds in the queue for one.
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let times: Vec<f64> = times.split_whitespace().filter_map(|time| time.parse().ok()).collect();
    let crowding = if let [running, queued, ..] = times[..] { (running + queued) / running } else { 1.0 };
    Reader { held, crowding }
}

/// How long each of `count` writes takes from its commit on the primary until the replica has it.
fn write_and_wait(
    count: usize,
    writer: &mut SqliteConnection,
    primary: &Node,
    replica: &Node,
) -> Result<Vec<Duration>, WaitError> {
    let mut waits = Vec::new();
    for _ in 0..count {
        writer.batch_execute("INSERT INTO rows DEFAULT VALUES").unwrap();
        let target = primary.watch.read().unwrap().unwrap();
        let start = Instant::now();
        replica.wait(target)?;
        waits.push(start.elapsed());
    }
    waits.sort();
    Ok(waits)
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
    let (waits, readers, took) = std::thread::scope(|scope| {
        let start = Instant::now();
        let readers: Vec<_> =
            (0..READERS).map(|_| scope.spawn(|| read_until(&stop, &replica, &file))).collect();
        let waits = write_and_wait(WRITES, &mut writer, &primary, &replica);
        // Before anything may panic, or the readers read for ever.
        stop.store(true, Ordering::Relaxed);
        let readers: Vec<Reader> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        (waits.unwrap(), readers, start.elapsed())
    });

    let crowding = readers.iter().map(|reader| reader.crowding).fold(0.0, f64::max);
    let bound = Duration::from_millis(100).mul_f64((crowding / 2.5).max(1.0));
    let p99 = waits[WRITES * 99 / 100];
    assert!(p99 < bound, "p99 {p99:?}, p50 {:?}, crowding {crowding:.1}", waits[WRITES / 2]);
    let held: Duration = readers.iter().map(|reader| reader.held).sum();
    let lost = held.as_secs_f64() / (took * READERS).as_secs_f64();
    assert!(lost <= 0.34, "readers were held back for {:.0} % of the time", lost * 100.0);
}
