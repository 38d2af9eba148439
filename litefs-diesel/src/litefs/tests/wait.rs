//! Waiting for a position, on a plain file that stands for LiteFS's.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::role::{Role, Roles};
use super::super::{PositionWatch, WaitError};
use crate::position::Position;

struct Node {
    dir: tempfile::TempDir,
    roles: Arc<Roles>,
    watch: Arc<PositionWatch>,
    runtime: tokio::runtime::Runtime,
}

const PATIENCE: Duration = Duration::from_secs(20);

fn at(txid: u64) -> Position {
    Position { txid, checksum: txid ^ 0xf00d }
}

impl Node {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".lag"), "+000000100\n").unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let roles = Arc::new(Roles::new(Role::Replica { primary: "a".into() }));
        let watch = PositionWatch::new(
            &dir.path().join("app.db"),
            roles.clone(),
            watch::Sender::new(0),
            runtime.handle().clone(),
        );
        Self { dir, roles, watch: Arc::new(watch), runtime }
    }

    /// As LiteFS does: a reader sees the old position or the new one.
    fn move_to(&self, position: Position) {
        let path = self.dir.path().join("app.db-pos");
        if path.exists() {
            use std::os::unix::fs::FileExt;
            let file = fs::File::options().write(true).open(path).unwrap();
            file.write_all_at(format!("{position}\n").as_bytes(), 0).unwrap();
        } else {
            fs::write(path, format!("{position}\n")).unwrap();
        }
    }

    /// Waits on a thread without any runtime.
    fn wait(
        &self,
        target: Position,
        patience: Duration,
    ) -> std::thread::JoinHandle<Result<Position, WaitError>> {
        let wait = self.watch.wait(target, Instant::now() + patience);
        std::thread::spawn(move || pollster::block_on(wait))
    }

    /// Returns when the watching thread has read again, and so has seen what is there now.
    fn seen(&self) {
        let before = self.watch.reads();
        let deadline = Instant::now() + PATIENCE;
        while self.watch.reads() < before + 2 {
            assert!(Instant::now() < deadline, "nobody reads");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_wait_ends_when_the_position_is_reached_or_passed() {
    let node = Node::start();
    node.move_to(at(5));
    let waits = [node.wait(at(6), PATIENCE), node.wait(at(7), PATIENCE), node.wait(at(5), PATIENCE)];
    let [six, seven, five] = waits;
    assert_eq!(five.join().unwrap().unwrap(), at(5));
    node.move_to(at(6));
    assert_eq!(six.join().unwrap().unwrap(), at(6));
    node.move_to(at(9));
    assert_eq!(seven.join().unwrap().unwrap(), at(9));
    assert_eq!(node.watch.current(), at(9));
}

#[test]
fn a_database_that_is_not_here_yet_is_waited_for() {
    let node = Node::start();
    assert_eq!(node.watch.read().unwrap(), None);
    let wait = node.wait(at(1), PATIENCE);
    node.seen();
    node.move_to(at(1));
    assert_eq!(wait.join().unwrap().unwrap(), at(1));
}

#[test]
fn a_wait_ends_by_its_deadline_and_says_where_the_node_is() {
    let node = Node::start();
    node.move_to(at(5));
    let start = Instant::now();
    let late = node.wait(at(6), Duration::from_millis(30)).join().unwrap();
    assert!(matches!(late, Err(WaitError::Deadline { have, .. }) if have == at(5)), "{late:?}");
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[test]
fn a_position_that_cannot_be_read_is_said_at_the_deadline() {
    let node = Node::start();
    fs::remove_file(node.dir.path().join(".lag")).unwrap();
    let dead = node.wait(at(6), Duration::from_millis(30)).join().unwrap();
    assert!(matches!(dead, Err(WaitError::Unreadable(_))), "{dead:?}");
    assert!(dead.unwrap_err().to_string().contains("app.db") || node.watch.read().is_err());
}

#[test]
fn after_a_role_change_only_an_equal_position_proves_the_target() {
    let node = Node::start();
    node.move_to(at(5));
    let (past, equal, other) = (node.wait(at(6), PATIENCE), node.wait(at(7), PATIENCE), {
        let target = Position { txid: 7, checksum: 1 };
        node.wait(target, PATIENCE)
    });
    node.seen();
    node.roles.publish(Role::Replica { primary: "b".into() });
    node.move_to(at(7));
    assert!(matches!(past.join().unwrap(), Err(WaitError::HistoryChanged { .. })));
    assert_eq!(equal.join().unwrap().unwrap(), at(7));
    assert!(matches!(other.join().unwrap(), Err(WaitError::HistoryChanged { .. })));
    // What began after the change is judged by what is now.
    assert_eq!(node.wait(at(6), PATIENCE).join().unwrap().unwrap(), at(7));
}

#[test]
fn the_epoch_of_the_sending_counts_and_not_that_of_the_waiting() {
    let node = Node::start();
    let sent = node.roles.epoch();
    node.move_to(at(7));
    node.roles.gap();
    let deadline = Instant::now() + PATIENCE;
    let past = pollster::block_on(node.watch.wait_since(sent, at(6), deadline));
    assert!(matches!(past, Err(WaitError::HistoryChanged { .. })), "{past:?}");
    let equal = pollster::block_on(node.watch.wait_since(sent, at(7), deadline));
    assert_eq!(equal.unwrap(), at(7));
}

#[test]
fn a_txid_that_goes_backwards_is_dropped_history() {
    let node = Node::start();
    node.move_to(at(5));
    let wait = node.wait(at(6), PATIENCE);
    node.seen();
    node.move_to(at(4));
    assert!(matches!(wait.join().unwrap(), Err(WaitError::HistoryChanged { .. })));
}

#[test]
fn what_was_seen_under_an_earlier_role_is_not_believed() {
    let node = Node::start();
    node.move_to(at(100));
    node.watch.read().unwrap();
    // The new primary had less, and this node was overwritten.
    node.roles.publish(Role::Replica { primary: "b".into() });
    node.move_to(at(90));
    let wait = node.wait(at(95), PATIENCE);
    node.seen();
    assert!(!wait.is_finished());
    node.move_to(at(95));
    assert_eq!(wait.join().unwrap().unwrap(), at(95));
}

#[test]
fn a_commit_of_a_new_primary_that_had_less_is_not_proved_by_the_old_history() {
    let node = Node::start();
    node.move_to(at(100));
    node.watch.read().unwrap();
    // "b" had 97 only. LiteFS dials it, and has not overwritten this node yet.
    node.roles.publish(Role::Replica { primary: "b".into() });
    let (epoch, deadline) = (node.roles.epoch(), Instant::now() + PATIENCE);
    let commit = |txid| node.watch.wait_since(epoch, Position { txid, checksum: 0xb }, deadline);
    let early = pollster::block_on(commit(98));
    assert!(matches!(early, Err(WaitError::HistoryChanged { .. })), "{early:?}");
    // A token from before is judged as ever, and so is what comes once "b" has overwritten it.
    assert_eq!(node.wait(at(60), PATIENCE).join().unwrap().unwrap(), at(100));
    node.move_to(at(99));
    node.watch.read().unwrap();
    assert_eq!(pollster::block_on(commit(98)).unwrap(), at(99));
}

#[test]
fn an_event_wakes_and_a_late_one_does_no_harm() {
    let node = Node::start();
    node.move_to(at(5));
    let wait = node.wait(at(6), PATIENCE);
    node.seen();
    node.watch.told(at(6));
    assert_eq!(wait.join().unwrap().unwrap(), at(6));
    let next = node.wait(at(8), PATIENCE);
    node.move_to(at(7));
    node.seen();
    node.watch.told(at(3));
    node.move_to(at(8));
    assert_eq!(next.join().unwrap().unwrap(), at(8));
}

#[test]
fn reads_do_not_grow_with_the_number_of_waiters() {
    let node = Node::start();
    node.move_to(at(5));
    let deadline = Instant::now() + PATIENCE;
    let waits: Vec<_> = (0..2000).map(|_| node.watch.wait(at(6), deadline)).collect();
    let (start, before) = (Instant::now(), node.watch.reads());
    let all = node.runtime.spawn(futures::future::join_all(waits));
    while start.elapsed() < Duration::from_millis(20) {
        std::thread::yield_now();
    }
    node.move_to(at(6));
    assert!(node.runtime.block_on(all).unwrap().iter().all(Result::is_ok));
    let most = start.elapsed().as_micros() / 150 + 2;
    let reads = node.watch.reads() - before;
    assert!(u128::from(reads) <= most, "{reads} reads where a single waiter does at most {most}");
}

#[test]
fn nobody_reads_while_nobody_waits_and_a_given_up_wait_is_nobody() {
    let node = Node::start();
    node.move_to(at(5));
    node.wait(at(6), Duration::from_millis(5)).join().unwrap().unwrap_err();
    drop(node.watch.wait(at(6), Instant::now() + PATIENCE));
    let deadline = Instant::now() + PATIENCE;
    let quiet = || {
        let before = node.watch.reads();
        let until = Instant::now() + Duration::from_millis(20);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        node.watch.reads() == before
    };
    while !quiet() {
        assert!(Instant::now() < deadline, "somebody still reads");
    }
}

#[test]
fn the_gate_is_closed_while_somebody_waits_and_open_afterwards() {
    let node = Node::start();
    node.move_to(at(5));
    let wait = node.wait(at(6), PATIENCE);
    node.seen();
    let start = Instant::now();
    node.watch.gate().pass();
    assert!(start.elapsed() < Duration::from_secs(1));
    node.move_to(at(6));
    wait.join().unwrap().unwrap();
    node.watch.gate().pass();
}

#[test]
fn closing_ends_waits_and_what_comes_later() {
    let node = Node::start();
    node.move_to(at(5));
    let wait = node.wait(at(6), PATIENCE);
    node.seen();
    node.watch.close();
    assert!(matches!(wait.join().unwrap(), Err(WaitError::Closed)));
    assert!(matches!(node.wait(at(6), PATIENCE).join().unwrap(), Err(WaitError::Closed)));
}

#[test]
fn alone_nothing_is_ever_behind() {
    let watch = PositionWatch::alone(Arc::new(Roles::new(Role::Primary)));
    assert_eq!(watch.read().unwrap(), Some(Position::ZERO));
    assert_eq!(pollster::block_on(watch.wait(at(6), Instant::now())).unwrap(), Position::ZERO);
    assert_eq!(watch.current(), Position::ZERO);
    watch.gate().pass();
}
