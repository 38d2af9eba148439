//! The helper that runs LiteFS with a real Consul: elections and what may happen to a lease.

use std::time::{Duration, Instant};

use litefs_diesel_tests::bare::{DATABASE, ids, insert, three_nodes, wait_row};
use litefs_diesel_tests::cluster::{Cluster, ConsulLease, Lease};
use litefs_diesel_tests::wait::{self, PATIENCE};

/// A write on the primary arrives everywhere.
fn works(cluster: &Cluster, id: i64) {
    let (primary, _) = cluster.wait_settled(DATABASE, PATIENCE).unwrap();
    insert(cluster, primary, id);
    for node in 0..cluster.len() {
        wait_row(cluster, node, id);
    }
}

fn until_no_primary(cluster: &Cluster) {
    let none = || if cluster.primaries().is_empty() { Ok(()) } else { Err("there is a primary yet") };
    wait::until(PATIENCE, none).unwrap();
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn the_lease_is_elected_promoted_and_handed_off() {
    let cluster = three_nodes(Lease::consul());
    assert_eq!(cluster.primary(), Some(0));
    works(&cluster, 1);

    cluster.promote(2).unwrap();
    assert_eq!(cluster.primary(), Some(2));
    works(&cluster, 2);

    cluster.wait_settled(DATABASE, PATIENCE).unwrap();
    cluster.hand_off(2, 1).unwrap();
    assert_eq!(cluster.primary(), Some(1));
    works(&cluster, 3);
    assert!(cluster.hand_off(0, 2).is_err(), "node 0 has nothing to hand off");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_killed_primary_is_replaced_and_follows_when_it_comes_back() {
    let cluster = three_nodes(Lease::consul());
    cluster.kill_litefs(0).unwrap();
    let next = cluster.wait_primary(Duration::from_secs(15)).unwrap();
    assert_ne!(next, 0);
    cluster.start_litefs(0).unwrap();
    works(&cluster, 1);
    assert_eq!(cluster.primary(), Some(next));
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_node_that_is_no_candidate_never_becomes_primary() {
    let cluster = three_nodes(ConsulLease::default().candidates([0, 1]));
    assert!(!cluster.info(2).unwrap().candidate);
    assert!(cluster.promote(2).is_err());
    cluster.kill_litefs(0).unwrap();
    assert_eq!(cluster.wait_primary(Duration::from_secs(15)).unwrap(), 1);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_stopped_consul_costs_the_primary_its_lease_until_it_is_started() {
    let cluster = three_nodes(Lease::consul());
    let cluster_id = cluster.info(0).unwrap().cluster_id;
    cluster.consul().stop().unwrap();
    until_no_primary(&cluster);
    cluster.consul().start().unwrap();
    works(&cluster, 1);
    assert_eq!(cluster.info(1).unwrap().cluster_id, cluster_id, "Consul kept its state");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_paused_consul_leaves_the_primary_what_it_is_until_it_answers_again() {
    let cluster = three_nodes(Lease::consul());
    cluster.consul().pause().unwrap();
    // Renewing the lease has no timeout: longer than its TTL, the primary goes on.
    let silent_since = Instant::now();
    wait::until(PATIENCE, || {
        assert_eq!(cluster.primary(), Some(0));
        if silent_since.elapsed() > Duration::from_secs(5) { Ok(()) } else { Err(()) }
    })
    .unwrap();
    insert(&cluster, 0, 1);
    cluster.consul().resume().unwrap();
    works(&cluster, 2);
    assert_eq!(ids(cluster.mount(1)), [1, 2]);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn replication_goes_through_a_link_that_is_slow_frozen_and_cut() {
    let cluster = three_nodes(ConsulLease::default().through_proxies());
    let link = cluster.proxy(0);
    link.set_delay(Duration::from_millis(300));
    let began = Instant::now();
    works(&cluster, 1);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());

    link.set_delay(Duration::ZERO);
    link.freeze();
    insert(&cluster, 0, 2);
    assert_eq!(ids(cluster.mount(1)), [1]);
    assert_eq!(cluster.info(1).unwrap().primary.hostname, cluster.hostname(0), "and it does not know");
    link.open();
    wait_row(&cluster, 1, 2);

    link.cut();
    insert(&cluster, 0, 3);
    wait::until(PATIENCE, || match cluster.info(2).unwrap().primary.hostname {
        hostname if hostname.is_empty() => Ok(()),
        hostname => Err(format!("it follows {hostname}")),
    })
    .unwrap();
    assert_eq!(ids(cluster.mount(2)), [1, 2]);
    link.open();
    works(&cluster, 4);
}
