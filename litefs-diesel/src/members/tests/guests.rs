//! What a process counts for that is no node, and what it learns.

use super::*;
use crate::config::Fence;

/// A cluster, and a guest beside the node of that name.
fn with_guest_beside(node: &str, fence: Fence) -> Cluster {
    let role = |node: &str| if node == "a" { Role::Primary } else { replica_of("a") };
    let nodes = NODES.iter().map(|node| TestMember::fenced_by(fence, node, role(node), Some(NODES)));
    let mut nodes: Vec<_> = nodes.collect();
    let guest = TestMember::guest(fence, node, role(node), NODES);
    // LiteFS and the database are the same for both.
    guest.set_replicas(2);
    nodes.push(guest);
    Cluster::of(nodes)
}

fn name(node: &str) -> String {
    format!("{node} (guest)")
}

#[tokio::test]
async fn a_guest_counts_for_no_level_while_it_is_there_and_when_it_has_gone() {
    for beside in NODES {
        let mut cluster = with_guest_beside(beside, Fence::Heard);
        for node in NODES.iter().map(|node| (*node).to_owned()).chain([name(beside)]) {
            cluster.node(&node).move_to(at(5));
        }
        cluster.node("c").stand(at(4), true);
        cluster.node(&name(beside)).stand(at(5), true);
        for lost in [false, true] {
            if lost {
                cluster.lose(&name(beside));
            }
            cluster.talk();
            let a = cluster.node("a");
            // Of the two others one has it, whatever the guest's own file has.
            assert_eq!(arrives(a, &write(5, None, Ack::Replicated(1))).await, Ok(()));
            assert_eq!(arrives(a, &write(5, None, Ack::Replicated(2))).await, short(&["b"], &["c"]));
            assert_eq!(arrives(a, &write(5, None, Ack::Everywhere)).await, short(&["b"], &["c"]));
            for node in NODES {
                cluster.node(node).members.admits(Ack::Everywhere).unwrap();
            }
        }
        cluster.node("c").move_to(at(5));
        cluster.talk();
        let everywhere = write(5, None, Ack::Everywhere);
        assert_eq!(arrives(cluster.node("a"), &everywhere).await, Ok(()));
    }
}

#[test]
fn a_guest_beside_the_primary_is_no_rival_and_confirms_nobody() {
    for fence in [Fence::Heard, Fence::Majority] {
        for beside in NODES {
            let cluster = with_guest_beside(beside, fence);
            assert_eq!(cluster.node("a").members.fenced(), None, "{fence:?} {beside}");
        }
    }
    let cluster = with_guest_beside("b", Fence::Majority);
    // Only the guest still hears the primary.
    let (a, guest) = (cluster.node("a"), cluster.node(&name("b")));
    a.set_role(Role::NoLeader);
    a.set_role(Role::Primary);
    for _ in 0..2 {
        guest.hear(a);
        a.hear(guest);
    }
    assert!(a.members.fenced().is_some());
}

#[tokio::test]
async fn a_guest_sees_where_a_write_has_arrived_as_its_node_does() {
    for (beside, primary) in [("a", None), ("b", Some("a"))] {
        let cluster = with_guest_beside(beside, Fence::Majority);
        let guest = cluster.node(&name(beside));
        for node in ["a", "b", &name(beside)] {
            cluster.node(node).move_to(at(5));
        }
        cluster.talk();
        let two = write(5, primary, Ack::Replicated(2));
        assert_eq!(arrives(guest, &two).await, short(&["b"], &["c"]), "{beside}");
        cluster.node("c").move_to(at(6));
        cluster.talk();
        assert_eq!(arrives(guest, &two).await, Ok(()), "{beside}");
        assert_eq!(guest.members.fenced(), None, "{beside}");
    }
}

#[test]
fn nothing_is_left_of_a_guest_that_has_gone() {
    let mut cluster = with_guest_beside("b", Fence::Heard);
    assert!(cluster.node("a").heard(&name("b")).is_some());
    cluster.lose(&name("b"));
    assert!(cluster.node("a").heard(&name("b")).is_none());
    // Of a node there is.
    cluster.lose("c");
    assert!(cluster.node("a").heard("c").is_some());
}
