//! Who may write of two primaries.

use super::super::claims::is_later;
use super::*;
use crate::counted::Counted;

fn rival(node: &TestMember) -> Option<String> {
    node.members.fenced()?.hint
}

#[test]
fn of_two_primaries_the_one_that_became_it_later_goes_on() {
    let now = Instant::now();
    let earlier = now.checked_sub(Duration::from_secs(5));
    assert!(is_later(Some(now), earlier));
    assert!(!is_later(earlier, Some(now)));
    assert!(!is_later(Some(now), Some(now)));
    assert!(is_later(Some(now), None), "who does not know loses against who saw it");
    assert!(!is_later(None, Some(now)));
    assert!(is_later(None, None), "two who do not know both stop");
}

#[test]
fn an_old_primary_stops_when_it_hears_of_the_new_one_from_that_one() {
    let cluster = Cluster::start();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    assert_eq!(rival(a), None);
    b.set_role(Role::Primary);
    cluster.talk();
    assert_eq!(rival(a), Some("b".into()));
    assert_eq!(rival(b), None);
}

#[test]
fn a_primary_that_stops_is_counted_once() {
    let counted = Counted::default();
    let cluster = Cluster::start();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    metrics::with_local_recorder(&counted, || {
        assert_eq!(rival(a), None);
        assert_eq!(counted.of("litefs_diesel_fenced_total"), 0);
        b.set_role(Role::Primary);
        cluster.talk();
        assert!(a.members.fenced().is_some() && a.members.fenced().is_some());
    });
    assert_eq!(counted.of("litefs_diesel_fenced_total"), 1);
}

#[test]
fn a_primary_that_has_less_than_another_node_is_counted() {
    let counted = Counted::default();
    let cluster = Cluster::start();
    cluster.node("b").move_to(at(9));
    cluster.talk();
    metrics::with_local_recorder(&counted, || {
        for (txid, times) in [(9, 0), (10, 0), (5, 1)] {
            cluster.node("a").members.warn_if_behind("Repo", txid);
            assert_eq!(counted.of("litefs_diesel_primary_behind_total Repo"), times);
        }
    });
}

#[test]
fn an_old_primary_stops_when_it_hears_of_the_new_one_from_a_third_node() {
    let cluster = Cluster::start();
    let (a, b, c) = (cluster.node("a"), cluster.node("b"), cluster.node("c"));
    b.set_role(Role::Primary);
    c.set_role(replica_of("b"));
    a.hear(c);
    assert_eq!(rival(a), Some("b".into()));
}

#[test]
fn it_does_not_write_again_because_the_later_one_is_gone_but_when_that_one_says_so() {
    let mut cluster = Cluster::start();
    cluster.node("b").set_role(Role::Primary);
    cluster.talk();
    cluster.lose("b");
    assert_eq!(rival(cluster.node("a")), Some("b".into()));
    cluster.node("b").set_role(replica_of("a"));
    cluster.node("a").hear(cluster.node("b"));
    assert_eq!(rival(cluster.node("a")), None);
}

#[test]
fn a_role_that_comes_anew_is_the_later_one() {
    let cluster = Cluster::start();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    b.set_role(Role::Primary);
    cluster.talk();
    a.set_role(replica_of("b"));
    assert_eq!(a.members.fenced(), None, "it is no primary at all");
    a.set_role(Role::Primary);
    assert_eq!(rival(a), None);
    cluster.talk();
    assert_eq!((rival(a), rival(b)), (None, Some("a".into())));
}

#[test]
fn a_primary_that_was_restarted_is_held_for_one_by_those_who_saw_it_become_it() {
    let nodes = vec![
        TestMember::new("a", replica_of("c"), Some(NODES)),
        TestMember::new("b", Role::Primary, Some(NODES)),
        TestMember::new("c", replica_of("b"), Some(NODES)),
    ];
    let cluster = Cluster::of(nodes);
    let (a, b, c) = (cluster.node("a"), cluster.node("b"), cluster.node("c"));
    a.set_role(Role::Primary);
    cluster.talk();
    assert_eq!((rival(a), rival(b)), (None, Some("a".into())), "b does not know since when");
    c.set_role(replica_of("a"));
    c.set_role(replica_of("b"));
    cluster.talk();
    assert_eq!((rival(a), rival(b)), (Some("b".into()), None), "but c saw it");
}

#[test]
fn two_primaries_of_which_nobody_knows_since_when_both_stop() {
    let nodes = ["a", "b"].map(|node| TestMember::new(node, Role::Primary, Some(&["a", "b"])));
    let cluster = Cluster::of(nodes.into());
    assert_eq!(rival(cluster.node("a")), Some("b".into()));
    assert_eq!(rival(cluster.node("b")), Some("a".into()));
}

#[test]
fn with_a_majority_a_primary_writes_only_while_enough_confirm_what_it_said_just_now() {
    let cluster = Cluster::fenced_by(Fence::Majority);
    let a = cluster.node("a");
    assert_eq!(a.members.fenced(), None);
    // In a new tenure what was said before it does not count.
    a.set_role(Role::NoLeader);
    a.set_role(Role::Primary);
    cluster.talk_without(&["a"]);
    let why = a.members.fenced().unwrap().why;
    assert!(why.contains("0 of 2 other nodes") && why.contains("1 are needed"), "{why}");
    cluster.talk_without(&["c"]);
    assert_eq!(a.members.fenced(), None, "one besides itself is two of three");
}

#[tokio::test]
async fn a_confirmation_is_as_old_as_what_it_confirms() {
    let cluster = Cluster::fenced_by(Fence::Majority);
    let a = cluster.node("a");
    let confirmed = cluster.node("b").says();
    let until = Instant::now() + Duration::from_secs(20);
    while a.members.fenced().is_none() {
        assert!(Instant::now() < until, "it lapses");
        // What comes now was said long ago.
        a.members.note(&cluster.node("b").peer(), confirmed.clone());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    a.members.beat();
    cluster.talk();
    assert_eq!(a.members.fenced(), None);
}
