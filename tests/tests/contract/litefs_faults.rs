//! What LiteFS itself does when it goes wrong, without the library: the faults against which the
//! library is built, so that a LiteFS that has mended one is noticed.

use std::fs;
use std::time::{Duration, Instant};

use litefs_diesel_tests::bare::{DATABASE, hold_read, ids, insert, three_nodes, try_write, wait_row, write};
use litefs_diesel_tests::cluster::{Cluster, ConsulLease, Lease, Peer, Traffic};
use litefs_diesel_tests::netns::How;
use litefs_diesel_tests::wait::{self, PATIENCE};

/// Twice the TTL, the lock delay, and as much again: by then a healthy cluster has a new primary.
const ELECTION: Duration = Duration::from_secs(10);

/// A node that leaves its primary waits for its readers before it looks for another.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_11_open_reads_on_the_survivors_hold_up_the_election() {
    let cluster = three_nodes(Lease::consul());
    let readers = [1, 2].map(|node| hold_read(cluster.mount(node)));
    cluster.kill_litefs(0).unwrap();
    let since = Instant::now();
    wait::until(PATIENCE, || {
        assert_eq!(cluster.primaries(), [0usize; 0], "elected past open readers");
        if since.elapsed() > ELECTION { Ok(()) } else { Err(()) }
    })
    .unwrap();
    drop(readers);
    let next = cluster.wait_primary(ELECTION).unwrap();
    insert(&cluster, next, 1);
    wait_row(&cluster, 3 - next, 1);
}

/// Renewing the lease has no timeout, so a primary to which Consul is silent
/// and whose replicas are cut off goes on beside the next one. What it took meanwhile is gone.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_12_two_primaries_and_the_rows_of_the_old_one_vanish() {
    let cluster = three_nodes(ConsulLease::default().in_namespaces());
    cluster.partition(0, Peer::Consul, Traffic::Any, How::Drop).unwrap();
    cluster.partition(0, Peer::Nodes, Traffic::Litefs, How::Reject).unwrap();
    let next = cluster.wait_primary_beside(0, PATIENCE).unwrap();
    let other = 3 - next;
    insert(&cluster, 0, 1);
    insert(&cluster, next, 2);
    wait_row(&cluster, other, 2);
    assert_eq!(ids(cluster.mount(0)), [1], "the old primary took it");
    assert_eq!(cluster.primaries(), [0, next], "and neither knows of the other");
    assert_eq!(cluster.primary(), None, "which of them?");

    cluster.heal().unwrap();
    let (primary, _) = cluster.wait_settled(DATABASE, PATIENCE).unwrap();
    assert_eq!(primary, next);
    for node in 0..3 {
        assert_eq!(ids(cluster.mount(node)), [2], "node {node}");
    }
}

/// Nobody compares positions: a node that lags becomes primary, and the others lose what they have
/// more.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_13_a_node_that_lags_takes_the_lease_and_the_others_lose_their_rows() {
    let cluster = three_nodes(ConsulLease::default().in_namespaces());
    insert(&cluster, 0, 1);
    cluster.wait_replicated(0, DATABASE).unwrap();
    cluster.partition(2, Peer::Node(0), Traffic::Litefs, How::Reject).unwrap();
    insert(&cluster, 0, 2);
    wait_row(&cluster, 1, 2);
    cluster.pause(1).unwrap();
    cluster.kill_litefs(0).unwrap();
    assert_eq!(cluster.wait_primary(PATIENCE).unwrap(), 2);
    cluster.heal().unwrap();
    insert(&cluster, 2, 3);
    cluster.resume(1).unwrap();
    cluster.start_litefs(0).unwrap();
    cluster.wait_settled(DATABASE, PATIENCE).unwrap();
    for node in 0..3 {
        assert_eq!(ids(cluster.mount(node)), [1, 3], "node {node}");
    }
}

/// The same with a primary that has no database at all, and whose application creates one.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_13_a_primary_without_the_database_erases_it_everywhere() {
    let cluster = three_nodes(Lease::consul());
    for id in 1..=20 {
        insert(&cluster, 0, id);
    }
    cluster.wait_replicated(0, DATABASE).unwrap();
    cluster.kill_litefs(2).unwrap();
    fs::remove_dir_all(cluster.data(2).join("dbs")).unwrap();
    cluster.pause(1).unwrap();
    cluster.kill_litefs(0).unwrap();
    cluster.start_litefs(2).unwrap();
    assert_eq!(cluster.wait_primary(PATIENCE).unwrap(), 2);
    write(cluster.mount(2), "CREATE TABLE rows (id INTEGER PRIMARY KEY)");
    insert(&cluster, 2, 99);
    cluster.resume(1).unwrap();
    cluster.start_litefs(0).unwrap();
    cluster.wait_settled(DATABASE, PATIENCE).unwrap();
    for node in 0..3 {
        assert_eq!(ids(cluster.mount(node)), [99], "node {node}");
    }
}

/// LiteFS keeps a checksum for each 256 pages, and in WAL mode panics over a commit after which there
/// are fewer such blocks. It does not end, but it never gives SQLite's lock back.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_17_a_commit_that_takes_a_block_of_pages_away_locks_litefs_up() {
    let cluster = Cluster::start(1).unwrap();
    let mount = cluster.mount(0);
    write(mount, "PRAGMA journal_mode = WAL; CREATE TABLE rows (id INTEGER PRIMARY KEY, text)");
    write(mount, "INSERT INTO rows VALUES (1, zeroblob(2000000)); DELETE FROM rows");
    // To SQLite it looks well done.
    let _ = try_write(mount, "VACUUM");
    let after = try_write(mount, "PRAGMA busy_timeout = 500; INSERT INTO rows VALUES (2, NULL)");
    assert!(after.unwrap_err().to_string().contains("locked"));
    assert!(cluster.log(0).contains("index out of range"), "{}", cluster.log(0));
}
