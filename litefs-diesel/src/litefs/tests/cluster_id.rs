//! LiteFS's own id of a cluster, on a real one: the same on each node, another after a static primary's disk was replaced.

use std::sync::PoisonError;

use litefs_diesel_tests::cluster::Cluster;

use super::super::Role;
use super::real::{MEASURING, Node, create};

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn all_nodes_say_one_cluster_until_the_disk_of_a_static_primary_is_replaced() {
    let _measuring = MEASURING.read().unwrap_or_else(PoisonError::into_inner);
    let cluster = Cluster::start(2).unwrap();
    create(&cluster);
    let (primary, replica) = (Node::of(&cluster, 0), Node::of(&cluster, 1));
    for node in [&primary, &replica] {
        node.until("the cluster was not heard", |litefs| litefs.cluster_id().now().is_some());
    }
    let first = replica.cluster_id();
    assert!(first.as_deref().is_some_and(|id| id.starts_with("LFSC") && id.len() == 20), "{first:?}");
    assert_eq!(primary.cluster_id(), first);
    cluster.kill_litefs(0).unwrap();
    std::fs::remove_dir_all(cluster.data(0)).unwrap();
    cluster.start_litefs(0).unwrap();
    primary.until("the other cluster was not heard", |litefs| {
        litefs.role().role == Role::Primary && litefs.cluster_id().now().is_some_and(|id| Some(id) != first)
    });
    assert_eq!(replica.cluster_id(), first, "its LiteFS does not follow the new one");
}
