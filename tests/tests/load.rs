//! Many writes and reads at once from a replica.

use std::time::Duration;

use litefs_diesel_tests::contract::{MARKS, ReadBack, Site, Starved};

const LONG: Duration = Duration::from_secs(60);

/// One cluster for all: each part has tables, and figures, of its own.
#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stderr, reason = "the figures are for people")]
fn a_write_of_a_replica_is_read_back_at_once_whoever_reads_and_however_many() {
    let site = Site::start(2, env!("CARGO_BIN_EXE_app_node"));
    let apps = site.apps();
    let replica = &apps[1];
    replica.call::<usize>("execute", MARKS).unwrap();

    let seen: ReadBack = replica.call_within(LONG, "read_back", 1_000).unwrap();
    eprintln!("1,000 writes, each read back by another connection: {seen:?}");
    assert_eq!(seen.stale, 0, "{seen:?}");

    let seen: ReadBack = replica.call_within(LONG, "callers", (64, 20)).unwrap();
    eprintln!("64 callers, 20 writes each, each reading its own: {seen:?}");
    assert_eq!(seen.stale, 0, "{seen:?}");

    replica.call::<usize>("execute", "DELETE FROM marks").unwrap();
    // Beside writes of the primary's own application.
    let (here, there) = std::thread::scope(|scope| {
        let there = scope.spawn(|| apps[0].call_within::<ReadBack>(LONG, "callers", (8, 20)).unwrap());
        let here = replica.call_within::<i64>(LONG, "count_up", (16, 10)).unwrap();
        (here, there.join().unwrap())
    });
    assert_eq!(here, 160, "no update is lost");
    assert_eq!(there.stale, 0, "{there:?}");
    eprintln!("8 callers on the primary beside 160 transactions of the replica: {there:?}");

    for by_repo in [true, false] {
        let seen: Starved = replica.call_within(LONG, "starve", (5, 4_000, by_repo)).unwrap();
        let left = seen.reads_beside / seen.reads_alone;
        eprintln!("5 readers (by repo: {by_repo}): reads {left:.2} of before, {seen:?}");
        // The bench holds the true limits (100 ms, a third); a machine that is shared gets more.
        assert!(seen.writes.p99 < 500.0, "{seen:?}");
    }
}
