//! The room on a real LiteFS: the traps that only the server itself can set.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use litefs_diesel_tests::cluster::{Cluster, is_mounted};

use super::super::{Litefs, LitefsSettings, PositionWatch, Role, WaitError};
use crate::position::Position;

const PATIENCE: Duration = Duration::from_secs(30);

/// Held for writing by a test that measures time, and for reading by all others.
pub(super) static MEASURING: RwLock<()> = RwLock::new(());

/// A node's view of its LiteFS, without any application around it.
pub(super) struct Node {
    // Before the runtime, whose clock it uses.
    litefs: Arc<Litefs>,
    pub(super) watch: Arc<PositionWatch>,
    runtime: tokio::runtime::Runtime,
}

impl Node {
    pub(super) fn of(cluster: &Cluster, node: usize) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mount = cluster.mount(node);
        let litefs = Litefs::start(LitefsSettings::new(cluster.http(node), mount), runtime.handle());
        let watch = litefs.database(&mount.join("app.db"));
        let node = Self { litefs, watch, runtime };
        node.until("LiteFS was not heard", |litefs| {
            litefs.is_reachable() && litefs.role().role != Role::NoLeader
        });
        node
    }

    pub(super) fn cluster_id(&self) -> Option<Arc<str>> {
        self.litefs.cluster_id().now()
    }

    #[track_caller]
    pub(super) fn until(&self, what: &str, condition: impl Fn(&Litefs) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&self.litefs) {
            assert!(
                Instant::now() < deadline,
                "{what}: {:?} {:?}",
                self.litefs.role(),
                self.litefs.trouble()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn wait(&self, target: Position) -> Result<Position, WaitError> {
        pollster::block_on(self.watch.wait(target, Instant::now() + PATIENCE))
    }
}

/// Runs SQL on a connection that is closed again.
fn write(mount: &Path, sql: &str) {
    let mut conn = SqliteConnection::establish(&mount.join("app.db").to_string_lossy()).unwrap();
    conn.batch_execute(sql).unwrap();
}

pub(super) fn create(cluster: &Cluster) {
    write(cluster.mount(0), "PRAGMA journal_mode = wal; CREATE TABLE rows (id INTEGER PRIMARY KEY)");
    cluster.wait_replicated(0, "app.db").unwrap();
}

fn insert(cluster: &Cluster) {
    write(cluster.mount(0), "INSERT INTO rows DEFAULT VALUES");
}

fn replica_of(cluster: &Cluster) -> Role {
    Role::Replica { primary: cluster.hostname(0) }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_replica_sees_the_primarys_position_and_both_know_their_role() {
    let _measuring = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let (primary, replica) = (Node::of(&cluster, 0), Node::of(&cluster, 1));
    assert_eq!(primary.litefs.role().role, Role::Primary);
    assert_eq!(replica.litefs.role().role, replica_of(&cluster));
    let info = replica.runtime.block_on(replica.litefs.info()).unwrap();
    assert_eq!((info.role(), info.candidate), (replica_of(&cluster), false));
    assert_eq!(info.cluster_id, primary.runtime.block_on(primary.litefs.info()).unwrap().cluster_id);
    assert_eq!(super::super::files::role(cluster.mount(0)).unwrap(), Role::Primary);
    assert_eq!(super::super::files::role(cluster.mount(1)).unwrap(), replica_of(&cluster));
    assert_eq!(primary.litefs.lag(), Some(Duration::ZERO));
    assert!(replica.litefs.lag().is_some());
    for _ in 0..50 {
        insert(&cluster);
        let target = primary.watch.read().unwrap().unwrap();
        assert_eq!(replica.wait(target).unwrap(), target);
        assert_eq!(replica.watch.read().unwrap(), Some(target));
    }
    assert_eq!(replica.litefs.database(&cluster.mount(1).join("none.db")).read().unwrap(), None);
    assert_eq!(replica.litefs.role().epoch, 1, "nothing changed in between");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_primary_that_is_down_is_one_role_change_and_not_one_for_each_attempt_to_reach_it() {
    let _measuring = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let replica = Node::of(&cluster, 1);
    let before = replica.litefs.epoch();
    cluster.kill_litefs(0).unwrap();
    replica.until("the loss was not noticed", |litefs| litefs.role().role == Role::NoLeader);
    assert!(replica.litefs.is_reachable(), "no leader, and LiteFS here lives");
    assert_eq!(super::super::files::role(cluster.mount(1)).unwrap(), Role::NoLeader);
    // At least five more attempts (one each 200 ms) go by.
    let attempts = || cluster.log(1).matches("existing primary found").count();
    let enough = attempts() + 5;
    replica.until("LiteFS does not try", |litefs| {
        assert_eq!(litefs.role().role, Role::NoLeader);
        attempts() >= enough
    });
    assert_eq!(replica.litefs.epoch(), before + 1);
    cluster.start_litefs(0).unwrap();
    replica.until("the primary is not found again", |litefs| litefs.role().role == replica_of(&cluster));
    assert_eq!(replica.litefs.epoch(), before + 2);
    cluster.wait_ready(1).unwrap();
    insert(&cluster);
    let target = cluster.position(0, "app.db").unwrap().parse().unwrap();
    assert_eq!(replica.wait(target).unwrap(), target);
}

/// The kernel keeps the last page of a kept descriptor, and gives it also when LiteFS is dead or
/// has mounted anew: only a read that asks LiteFS finds out.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_crashed_litefs_is_noticed_and_its_descriptor_let_go_so_that_it_can_start_again() {
    let _measuring = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let replica = Node::of(&cluster, 1);
    let target: Position = cluster.position(0, "app.db").unwrap().parse().unwrap();
    replica.wait(target).unwrap();
    let lost = replica.litefs.mounts_lost();
    cluster.crash_litefs(1).unwrap();
    assert!(replica.watch.read().is_err(), "a dead LiteFS gave a position");
    assert!(!cluster.mount(1).join(".primary").exists(), "which proves nothing: the mount is dead");
    replica.until("the crash was not noticed", |litefs| !litefs.is_reachable());
    assert_eq!(replica.litefs.role().role, Role::NoLeader);
    assert_eq!(*lost.borrow(), 1);
    let ahead = Position { txid: target.txid + 1, checksum: 0 };
    let dead = pollster::block_on(replica.watch.wait(ahead, Instant::now() + Duration::from_millis(50)));
    assert!(matches!(dead, Err(WaitError::Unreadable(_))), "{dead:?}");

    // No `umount -l`: it starts only because nothing of ours is open in the dead mount.
    cluster.start_litefs(1).unwrap();
    insert(&cluster);
    let target = cluster.position(0, "app.db").unwrap().parse().unwrap();
    assert_eq!(replica.wait(target).unwrap(), target);
    replica.until("the role did not come back", |litefs| litefs.role().role == replica_of(&cluster));
    assert!(replica.litefs.is_reachable());
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_litefs_that_mounted_anew_unnoticed_is_read_anew() {
    let _measuring = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let file = super::super::position_file::PositionFile::new(&cluster.mount(1).join("app.db"));
    use super::super::position_file::Read;
    let old = file.read(Read::Cached).unwrap().unwrap();
    cluster.kill_litefs(1).unwrap();
    cluster.start_litefs(1).unwrap();
    insert(&cluster);
    let new = cluster.wait_replicated(0, "app.db").unwrap().parse().unwrap();
    assert_eq!(file.read(Read::Cached).unwrap(), Some(old), "the trap: the page outlives its server");
    assert_eq!(file.read(Read::Asked).unwrap(), Some(new));
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_wait_ends_by_its_deadline_while_litefs_hangs_and_goes_on_afterwards() {
    let _measuring = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let replica = Node::of(&cluster, 1);
    let now: Position = cluster.position(0, "app.db").unwrap().parse().unwrap();
    replica.wait(now).unwrap();
    cluster.pause(1).unwrap();
    insert(&cluster);
    let target: Position = cluster.position(0, "app.db").unwrap().parse().unwrap();
    let start = Instant::now();
    let late = pollster::block_on(replica.watch.wait(target, start + Duration::from_millis(200)));
    assert!(matches!(late, Err(WaitError::Deadline { .. })), "{late:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    replica.until("the hanging was not noticed", |litefs| !litefs.is_reachable());
    cluster.resume(1).unwrap();
    assert_eq!(replica.wait(target).unwrap(), target);
    replica.until("its answers were not noticed", Litefs::is_reachable);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn litefs_unmounts_cleanly_after_a_shutdown() {
    let _measuring = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let nodes = [Node::of(&cluster, 0), Node::of(&cluster, 1)];
    let now: Position = cluster.position(0, "app.db").unwrap().parse().unwrap();
    assert!(nodes.iter().all(|node| node.wait(now).is_ok()));
    nodes.iter().for_each(|node| node.litefs.shutdown());
    for node in [1, 0] {
        assert!(cluster.stop_litefs(node).unwrap(), "something was open");
        assert!(!is_mounted(cluster.mount(node)));
    }
    assert!(matches!(nodes[1].wait(Position { txid: 99, checksum: 0 }), Err(WaitError::Closed)));
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn litefs_is_stopped_under_a_running_node_and_found_again() {
    let _measuring = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let replica = Node::of(&cluster, 1);
    let lost = replica.litefs.mounts_lost();
    for round in 1..=5 {
        let target = cluster.wait_replicated(0, "app.db").unwrap().parse().unwrap();
        replica.wait(target).unwrap();
        if !cluster.stop_litefs(1).unwrap() {
            cluster.unmount(1).unwrap();
        }
        replica.until("the stop was not noticed", |litefs| !litefs.is_reachable());
        assert_eq!(*lost.borrow(), round);
        let gone = replica.watch.read();
        assert!(gone.is_err(), "an empty mount point was taken for LiteFS: {gone:?}");
        insert(&cluster);
        cluster.start_litefs(1).unwrap();
        cluster.wait_ready(1).unwrap();
        replica.until("LiteFS was not found again", |litefs| litefs.role().role == replica_of(&cluster));
    }
}
