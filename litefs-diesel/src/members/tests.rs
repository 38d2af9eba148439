//! What is decided from what the nodes say.

use std::time::{Duration, Instant};

use super::testing::TestMember;
use super::{Awaited, NotReplicated, Way};
use crate::config::Fence;
use crate::error::NotExecuted;
use crate::litefs::Role;
use crate::position::Position;
use crate::request::Ack;

mod fencing;
mod guests;

const NODES: &[&str] = &["a", "b", "c"];

fn replica_of(primary: &str) -> Role {
    Role::Replica { primary: primary.into() }
}

fn at(txid: u64) -> Position {
    Position { txid, checksum: txid * 7 }
}

/// Nodes that hear all that the others say, while this is kept.
struct Cluster {
    nodes: Vec<TestMember>,
    ways: Vec<(String, Way)>,
}

impl Cluster {
    /// `a` is primary.
    fn start() -> Self {
        Self::fenced_by(Fence::Heard)
    }

    fn fenced_by(fence: Fence) -> Self {
        let role = |node: &str| if node == "a" { Role::Primary } else { replica_of("a") };
        Self::of(
            NODES.iter().map(|node| TestMember::fenced_by(fence, node, role(node), Some(NODES))).collect(),
        )
    }

    fn of(nodes: Vec<TestMember>) -> Self {
        let mut ways = Vec::new();
        for here in &nodes {
            for there in nodes.iter().filter(|there| there.peer() != here.peer()) {
                ways.push((there.peer().node, here.members.way(&there.peer())));
            }
        }
        let cluster = Self { nodes, ways };
        cluster.node("a").set_replicas(2);
        cluster.talk();
        cluster
    }

    fn node(&self, name: &str) -> &TestMember {
        self.nodes.iter().find(|node| node.peer().node == name).unwrap()
    }

    /// Everybody hears everybody, and hears that they were heard.
    fn talk(&self) {
        self.talk_without(&[]);
    }

    /// But those neither hear nor are heard.
    fn talk_without(&self, cut: &[&str]) {
        let cut = |node: &TestMember| cut.contains(&node.peer().node.as_str());
        for _ in 0..2 {
            for here in self.nodes.iter().filter(|node| !cut(node)) {
                for there in self.nodes.iter().filter(|there| !cut(there) && there.peer() != here.peer()) {
                    here.hear(there);
                }
            }
        }
    }

    /// All connections to that node end.
    fn lose(&mut self, name: &str) {
        self.ways.retain(|(node, _)| node != name);
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn write(txid: u64, primary: Option<&str>, ack: Ack) -> Awaited {
    Awaited {
        repo: "Repo".into(),
        position: at(txid),
        primary: primary.map(str::to_owned),
        epoch: u64::MAX,
        ack,
    }
}

async fn arrives(on: &TestMember, write: &Awaited) -> Result<(), NotReplicated> {
    on.members.replicated(write, soon()).await
}

fn short(have: &[&str], missing: &[&str]) -> Result<(), NotReplicated> {
    let names = |nodes: &[&str]| nodes.iter().map(|node| (*node).to_owned()).collect();
    Err(NotReplicated { have: names(have), missing: names(missing), changed: false })
}

#[tokio::test]
async fn a_write_is_where_nodes_report_it_besides_the_primary() {
    let cluster = Cluster::start();
    let (a, b, c) = (cluster.node("a"), cluster.node("b"), cluster.node("c"));
    let (one, two) = (write(5, None, Ack::Replicated(1)), write(5, None, Ack::Replicated(2)));
    a.move_to(at(5));
    b.move_to(at(4));
    cluster.talk();
    assert_eq!(arrives(a, &one).await, short(&[], &["b", "c"]));
    b.move_to(at(5));
    a.hear(b);
    assert_eq!(arrives(a, &one).await, Ok(()));
    assert_eq!(arrives(a, &two).await, short(&["b"], &["c"]));
    c.move_to(at(6));
    a.hear(c);
    assert_eq!(arrives(a, &two).await, Ok(()));
    // On a replica it counts itself, and does not count the primary.
    let from_b = write(5, Some("a"), Ack::Replicated(1));
    assert_eq!(arrives(b, &from_b).await, Ok(()));
    b.move_to(at(4));
    assert_eq!(arrives(b, &from_b).await, short(&[], &["b", "c"]));
}

#[tokio::test]
async fn whoever_waits_is_woken_by_the_report() {
    let cluster = Cluster::start();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let awaited = write(5, None, Ack::Replicated(1));
    let (arrived, ()) = tokio::join!(a.members.replicated(&awaited, far()), async {
        tokio::task::yield_now().await;
        b.move_to(at(5));
        a.hear(b);
    });
    assert_eq!(arrived, Ok(()));
}

#[tokio::test]
async fn a_node_on_another_history_does_not_have_the_write() {
    let cluster = Cluster::start();
    let (a, b, c) = (cluster.node("a"), cluster.node("b"), cluster.node("c"));
    let one = write(5, None, Ack::Replicated(1));
    // The same TXID with another checksum; past it, but from before; past it, under another primary.
    b.stand(Position { txid: 5, checksum: 1 }, true);
    c.stand(at(9), false);
    cluster.talk();
    assert_eq!(arrives(a, &one).await, short(&[], &["b", "c"]));
    c.set_role(replica_of("b"));
    c.move_to(at(9));
    cluster.talk();
    assert_eq!(arrives(a, &one).await, short(&[], &["b", "c"]));
    c.set_role(replica_of("a"));
    c.move_to(at(9));
    cluster.talk();
    assert_eq!(arrives(a, &one).await, Ok(()));
}

#[tokio::test]
async fn what_was_said_before_this_tenure_of_the_primary_does_not_count() {
    let cluster = Cluster::start();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    b.move_to(at(9));
    let before = b.says();
    a.set_role(Role::NoLeader);
    a.set_role(Role::Primary);
    a.members.note(&b.peer(), before);
    let one = write(5, None, Ack::Replicated(1));
    assert_eq!(arrives(a, &one).await, short(&[], &["b", "c"]));
    b.hear(a);
    a.hear(b);
    assert_eq!(arrives(a, &one).await, Ok(()));
}

#[tokio::test]
async fn a_change_of_the_primary_ends_the_wait() {
    let cluster = Cluster::start();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    for (on, primary) in [(a, None), (b, Some("a"))] {
        let awaited = write(5, primary, Ack::Replicated(2));
        let (arrived, ()) = tokio::join!(on.members.replicated(&awaited, far()), async {
            tokio::task::yield_now().await;
            on.set_role(replica_of("c"));
        });
        assert!(arrived.unwrap_err().changed);
    }
    let late = write(5, None, Ack::Replicated(1));
    assert!(arrives(a, &late).await.unwrap_err().changed, "it is not primary any more");
}

#[tokio::test]
async fn a_primary_that_only_a_hint_named_is_waited_for() {
    let cluster = Cluster::start();
    let c = cluster.node("c");
    let awaited = write(5, Some("b"), Ack::Replicated(1));
    assert!(!arrives(c, &awaited).await.unwrap_err().changed);
    let (arrived, ()) = tokio::join!(c.members.replicated(&awaited, far()), async {
        tokio::task::yield_now().await;
        c.set_role(replica_of("b"));
        c.move_to(at(5));
    });
    assert_eq!(arrived, Ok(()));
}

#[tokio::test]
async fn everywhere_is_every_candidate_also_one_that_is_down() {
    let mut cluster = Cluster::start();
    for node in NODES {
        cluster.node(node).move_to(at(5));
    }
    cluster.node("c").stand(at(4), true);
    cluster.talk();
    let everywhere = write(5, None, Ack::Everywhere);
    assert_eq!(arrives(cluster.node("a"), &everywhere).await, short(&["b"], &["c"]));
    cluster.lose("c");
    assert_eq!(arrives(cluster.node("a"), &everywhere).await, short(&["b"], &["c"]));
    cluster.node("c").set_candidate(Some(false));
    cluster.talk();
    assert_eq!(arrives(cluster.node("a"), &everywhere).await, Ok(()));
}

#[test]
fn a_write_is_not_safe_while_a_replica_is_connected_that_nobody_names() {
    let cluster = Cluster::start();
    for node in NODES {
        cluster.node(node).move_to(at(5));
    }
    let safe = || ["a", "b", "c"].map(|node| cluster.node(node).members.is_everywhere("Repo", at(5)));
    cluster.talk();
    assert_eq!(safe(), [true; 3]);
    cluster.node("a").set_replicas(3);
    cluster.talk();
    assert_eq!(safe(), [false; 3]);
    cluster.node("a").set_replicas(2);
    cluster.talk();
    assert_eq!(safe(), [true; 3]);
}

fn refused(node: &TestMember, ack: Ack) -> String {
    match node.members.admits(ack) {
        Err(NotExecuted::NotEverywhere(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn everywhere_begins_only_while_every_node_can_take_it() {
    let mut cluster = Cluster::start();
    for node in NODES {
        cluster.node(node).members.admits(Ack::Everywhere).unwrap();
    }
    cluster.node("b").set_candidate(None);
    cluster.talk();
    assert!(refused(cluster.node("a"), Ack::Everywhere).contains("`b` does not say"));
    assert!(refused(cluster.node("b"), Ack::Everywhere).contains("`b` does not say"));
    cluster.node("b").set_candidate(Some(false));
    cluster.node("a").set_replicas(3);
    cluster.talk();
    for node in NODES {
        assert!(refused(cluster.node(node), Ack::Everywhere).contains("3 replicas"), "{node}");
    }
    cluster.node("a").set_replicas(2);
    cluster.talk();
    cluster.lose("c");
    assert!(refused(cluster.node("a"), Ack::Everywhere).contains("`c` is not heard any more"));
    assert!(refused(cluster.node("b"), Ack::Everywhere).contains("`c`"));
}

#[test]
fn a_candidate_that_the_settings_do_not_name_is_no_part_of_everywhere_unseen() {
    let mut nodes: Vec<_> =
        NODES.iter().map(|node| TestMember::new(node, replica_of("a"), Some(NODES))).collect();
    nodes[0].set_role(Role::Primary);
    nodes.push(TestMember::new("d", replica_of("a"), None));
    let cluster = Cluster::of(nodes);
    assert!(refused(cluster.node("a"), Ack::Everywhere).contains("`d`"));
    cluster.node("d").set_candidate(Some(false));
    cluster.talk();
    cluster.node("a").members.admits(Ack::Everywhere).unwrap();
}

#[test]
fn levels_that_need_all_nodes_need_the_setting() {
    let node = TestMember::new("a", Role::Primary, None);
    for ack in [Ack::Replicated(1), Ack::Everywhere] {
        assert!(refused(&node, ack).contains("`cluster.nodes`"));
    }
    for ack in [Ack::Committed, Ack::Visible, Ack::Replicated(0)] {
        node.members.admits(ack).unwrap();
    }
    let node = TestMember::new("a", Role::Primary, Some(NODES));
    node.members.admits(Ack::Replicated(2)).unwrap();
    assert!(refused(&node, Ack::Replicated(3)).contains("names 2 others"));
    assert!(refused(&node, Ack::Everywhere).contains("`b` was not heard yet"));
    let stranger = TestMember::new("d", Role::Primary, Some(NODES));
    assert!(refused(&stranger, Ack::Everywhere).contains("`d`"));
}

#[test]
fn of_two_ways_the_newer_word_counts_and_a_new_process_begins_anew() {
    let cluster = Cluster::start();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let old = b.says();
    b.move_to(at(3));
    a.hear(b);
    a.members.note(&b.peer(), old);
    assert_eq!(a.heard("b"), Some(b.says()));
    let again = TestMember::new("b", replica_of("a"), None);
    let mut peer = again.peer();
    peer.process += 1;
    a.members.note(&peer, again.says());
    assert_eq!(a.heard("b").unwrap().version, 1);
}

#[test]
fn the_nodes_of_a_dns_name_get_their_names_by_hello() {
    let nodes = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"];
    let list = || nodes.iter().map(|node| super::Expected::at(node)).collect();
    let member = TestMember::new("a", Role::Primary, Some(&[]));
    let cluster = Cluster::of(vec![
        member,
        TestMember::new("b", replica_of("a"), None),
        TestMember::new("c", replica_of("a"), None),
    ]);
    let a = cluster.node("a");
    a.members.expect(list());
    assert!(refused(a, Ack::Everywhere).contains("does not name this node"));
    a.members.is_this(nodes[0]);
    a.members.is_called(nodes[1], "b");
    assert!(refused(a, Ack::Everywhere).contains(nodes[2]));
    a.members.is_called(nodes[2], "c");
    a.members.admits(Ack::Everywhere).unwrap();
    a.members.expect(list());
    a.members.admits(Ack::Everywhere).unwrap();
}
