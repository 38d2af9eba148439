//! What nodes know of each other over the connections that they keep.

use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::members::testing::peer;
use crate::members::{Awaited, HEARTBEAT};
use crate::rpc::hello::Identity;

const NODES: &[&str] = &["a", "b", "c"];

/// A served node that keeps a control connection to the others.
struct Meshed {
    node: TestNode,
    peers: Arc<Peers>,
    heart: AbortOnDropHandle<()>,
}

impl Meshed {
    fn admits(&self, ack: Ack) -> Result<(), String> {
        self.node.member.members.admits(ack).map_err(|error| error.to_string())
    }

    /// Waits until what `ready` asks for is so.
    async fn until<T>(&self, ready: impl Fn(&Self) -> Result<T, String>) -> T {
        let mut changes = self.node.member.members.changes();
        let deadline = in_ms(PATIENCE.as_millis() as u64);
        loop {
            match ready(self) {
                Ok(value) => return value,
                // Some of it is a matter of time alone.
                Err(why) => {
                    assert!(Instant::now() < deadline, "{why}");
                    let _ = tokio::time::timeout(Duration::from_millis(100), changes.changed()).await;
                }
            }
        }
    }
}

/// Three nodes of which `a` is primary, and all of which are candidates.
async fn mesh() -> Vec<Meshed> {
    let mut nodes = Vec::new();
    for name in NODES {
        let role = if *name == "a" { Role::Primary } else { replica_of("a") };
        let member = TestMember::new(name, role, Some(NODES));
        let process = peer(name).process;
        let identity = Identity { node: (*name).to_owned(), process, ..identity("eu") };
        nodes.push((
            TestNode::serve(Fake::new(), member, "127.0.0.1:0", LimitSettings::default(), identity.clone())
                .await,
            identity,
        ));
    }
    let table: BTreeMap<String, String> = NODES
        .iter()
        .zip(&nodes)
        .map(|(name, (node, _))| ((*name).to_owned(), node.addr.to_string()))
        .collect();
    let connect = |(node, identity): (TestNode, Identity)| {
        let others: Vec<String> =
            NODES.iter().filter(|name| **name != identity.node).map(|name| (*name).to_owned()).collect();
        let peers = Peers::new(PeersConfig {
            resolver: Resolver::new(table.clone(), None).unwrap(),
            transport: Transport::Plain,
            identity: Arc::new(identity),
            members: Arc::clone(&node.member.members),
            max_frame: MAX_FRAME,
            sizes: SIZES,
            runtime: Handle::current(),
        });
        peers.keep(&others);
        let members = Arc::clone(&node.member.members);
        let heart = AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let _ = tokio::time::timeout(HEARTBEAT, members.hurried()).await;
                members.beat();
            }
        }));
        Meshed { node, peers, heart }
    };
    let nodes: Vec<Meshed> = nodes.into_iter().map(connect).collect();
    nodes[0].node.member.set_replicas(2);
    nodes
}

fn at(txid: u64) -> Position {
    Position { txid, checksum: txid }
}

async fn replicated(on: &Meshed, txid: u64, ack: Ack) {
    let primary = (on.node.member.peer().node != "a").then(|| "a".to_owned());
    let write = Awaited { repo: "Repo".into(), position: at(txid), primary, epoch: u64::MAX, ack };
    let arrived = on.node.member.members.replicated(&write, in_ms(20_000)).await;
    assert_eq!(arrived, Ok(()), "{ack:?}");
}

#[tokio::test]
async fn positions_are_pushed_to_every_node_without_being_asked_for() {
    let nodes = mesh().await;
    for node in &nodes {
        node.until(|node| node.admits(Ack::Everywhere)).await;
    }
    for (txid, ack) in [(1, Ack::Replicated(1)), (2, Ack::Replicated(2)), (3, Ack::Everywhere)] {
        for node in &nodes {
            node.node.member.move_to(at(txid));
        }
        for node in &nodes {
            replicated(node, txid, ack).await;
        }
    }
}

#[tokio::test]
async fn one_direction_that_is_open_is_enough() {
    let nodes = mesh().await;
    nodes[0].until(|node| node.admits(Ack::Everywhere)).await;
    // From now on `a` makes no connections, and the others still do.
    nodes[0].peers.shutdown().await;
    nodes.iter().for_each(|node| node.node.member.move_to(at(7)));
    for node in &nodes {
        replicated(node, 7, Ack::Replicated(2)).await;
    }
}

#[tokio::test]
async fn a_node_that_ends_or_falls_silent_is_not_known_to_be_up() {
    let mut nodes = mesh().await;
    nodes[0].until(|node| node.admits(Ack::Everywhere)).await;
    let mut down = nodes.pop().unwrap();
    down.peers.shutdown().await;
    down.node.stop().await;
    let missing = |why: &str| {
        let why = why.to_owned();
        move |node: &Meshed| match node.admits(Ack::Everywhere) {
            Err(error) if error.contains(&why) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    for node in &nodes {
        node.until(missing("`c` is not heard")).await;
    }
    // It is connected, and says nothing.
    nodes[0].heart.abort();
    nodes[1].until(missing("`a` is not heard")).await;
}

#[tokio::test]
async fn an_old_primary_hears_of_the_later_one_over_the_wire() {
    let nodes = mesh().await;
    nodes[0].until(|node| node.admits(Ack::Everywhere)).await;
    nodes[1].node.member.set_role(Role::Primary);
    let fenced = |node: &Meshed| node.node.member.members.fenced().ok_or_else(|| "it writes on".to_owned());
    let fenced = nodes[0].until(fenced).await;
    assert_eq!(fenced.hint.as_deref(), Some("b"));
    assert_eq!(nodes[1].node.member.members.fenced(), None);
}

#[tokio::test]
async fn a_host_that_is_this_very_node_is_known_as_such() {
    let nodes = mesh().await;
    let a = &nodes[0];
    let members = &a.node.member.members;
    let address = |node: &Meshed| node.node.addr.to_string();
    members.expect(nodes.iter().map(|node| crate::members::Expected::at(&address(node))).collect());
    a.peers.keep(&nodes.iter().map(address).collect::<Vec<_>>());
    a.until(|node| node.admits(Ack::Everywhere)).await;
}
