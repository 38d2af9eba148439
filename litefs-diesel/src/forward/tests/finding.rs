//! Finding the primary, and finding it again.

use tokio::net::TcpListener;

use super::*;
use crate::request::Refusal;
use crate::rpc::control::View;

/// An address at which nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

fn table(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, addr)| ((*name).to_owned(), (*addr).to_owned())).collect()
}

#[tokio::test]
async fn a_hint_is_followed() {
    let (old, new) = (TestNode::start(replica_of("b")).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    asking.write("INSERT").await.unwrap();
    assert_eq!((old.fake.log().len(), new.fake.log().len()), (0, 1));
}

#[tokio::test]
async fn nodes_that_point_at_each_other_are_asked_a_bounded_number_of_times() {
    let (a, b) = (TestNode::start(replica_of("b")).await, TestNode::start(replica_of("a")).await);
    let asking = Asking::start(replica_of("a"), &[("a", &a), ("b", &b)]);
    let error = asking.write_within("INSERT", 300).await.unwrap_err();
    assert!(matches!(error, Error::NotExecuted(NotExecuted::NoLeader)), "{error}");
}

#[tokio::test]
async fn a_hint_to_nowhere_does_not_keep_a_write_from_the_primary() {
    let a = TestNode::start(replica_of("nowhere")).await;
    let asking = Asking::start(replica_of("a"), &[("a", &a)]);
    let (written, ()) = tokio::join!(asking.write("INSERT"), async {
        asking.attempted("nowhere").await;
        a.set_role(Role::Primary);
    });
    written.unwrap();
}

#[tokio::test]
async fn a_node_that_becomes_primary_while_a_write_waits_runs_it() {
    let asking = Asking::start(Role::NoLeader, &[]);
    let (written, ()) = tokio::join!(asking.write("INSERT"), async { asking.set_role(Role::Primary) });
    written.unwrap();
    assert_eq!(asking.local.log(), ["INSERT"]);
}

#[tokio::test]
async fn a_write_waits_for_a_leader_and_goes_to_it() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(Role::NoLeader, &[("a", &primary)]);
    let (written, ()) = tokio::join!(asking.write("INSERT"), async { asking.set_role(replica_of("a")) });
    written.unwrap();
}

#[tokio::test]
async fn without_a_leader_by_the_deadline_nothing_is_executed() {
    let asking = Asking::start(Role::NoLeader, &[]);
    let error = asking.write_within("INSERT", 30).await.unwrap_err();
    assert!(matches!(error, Error::NotExecuted(NotExecuted::NoLeader)), "{error}");
}

#[tokio::test]
async fn a_local_writer_that_is_not_primary_any_more_hands_the_write_on() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(Role::Primary, &[("a", &primary)]);
    asking.local.demoted.store(true, std::sync::atomic::Ordering::Relaxed);
    let (written, ()) = tokio::join!(asking.write("INSERT"), async { asking.set_role(replica_of("a")) });
    written.unwrap();
    assert_eq!(primary.fake.log(), ["INSERT"]);
}

#[tokio::test]
async fn a_primary_whose_litefs_died_under_its_writer_is_left_for_the_next() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    let gone = || Refusal::Unavailable("the primary cannot use its database: disk I/O error".into());
    *old.fake.refusals.lock() = vec![gone(); 1000];
    let (written, ()) = tokio::join!(asking.write("INSERT"), async {
        let asked = async {
            while old.fake.refusals.lock().len() == 1000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap();
        asking.set_role(replica_of("b"));
    });
    written.unwrap();
    assert_eq!((old.fake.log(), new.fake.log()), (vec![], vec!["INSERT".to_owned()]));
    // And the same one is asked again, when no other takes its place.
    *new.fake.refusals.lock() = vec![gone()];
    asking.write("again").await.unwrap();
    // At the deadline it is said why nothing ran.
    *new.fake.refusals.lock() = vec![gone(); 1000];
    let error = asking.write_within("never", 300).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotExecuted(NotExecuted::Refused(why)) if why.contains("disk I/O error")),
        "{error}"
    );
}

#[tokio::test]
async fn a_primary_that_cannot_be_reached_is_named_at_the_deadline() {
    let asking = Asking::start_on(Handle::current(), replica_of("a"), table(&[("a", &nobody().await)]));
    let error = asking.write_within("INSERT", 200).await.unwrap_err();
    let Error::NotExecuted(NotExecuted::Unreachable { primary, why }) = &error else { panic!("{error}") };
    assert!(primary == "a" && why.contains("127.0.0.1"), "{error}");
}

#[tokio::test]
async fn a_primary_that_starts_later_is_reached() {
    let listen = nobody().await;
    let asking = Asking::start_on(Handle::current(), replica_of("a"), table(&[("a", &listen)]));
    let (written, _node) = tokio::join!(asking.write("INSERT"), async {
        asking.attempted("a").await;
        TestNode::start_with(Role::Primary, &listen, LimitSettings::default(), identity("eu")).await
    });
    written.unwrap();
}

#[tokio::test]
async fn a_primary_that_restarts_is_reached_again() {
    let mut first = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &first)]);
    asking.write("INSERT").await.unwrap();
    first.stop().await;
    let listen = first.addr.to_string();
    let (written, _second) = tokio::join!(
        asking.write("INSERT"),
        TestNode::start_with(Role::Primary, &listen, LimitSettings::default(), identity("eu"))
    );
    written.unwrap();
}

#[tokio::test]
async fn a_primary_that_shuts_down_is_left_for_the_next() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    asking.write("INSERT").await.unwrap();
    old.shutdown.cancel();
    let (written, ()) = tokio::join!(asking.write("INSERT"), async { asking.set_role(replica_of("b")) });
    written.unwrap();
    assert_eq!(new.fake.log(), ["INSERT"]);
}

#[tokio::test]
async fn a_node_of_another_cluster_is_refused_at_once_and_says_why() {
    let node =
        TestNode::start_with(Role::Primary, "127.0.0.1:0", LimitSettings::default(), identity("us")).await;
    let asking = Asking::start(replica_of("a"), &[("a", &node)]);
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(
        matches!(&error, Error::NotExecuted(NotExecuted::Refused(why)) if why.contains("cluster.name")),
        "{error}"
    );
}

#[tokio::test]
async fn a_host_that_the_table_does_not_list_is_refused_by_name() {
    let asking = Asking::start(replica_of("nowhere"), &[]);
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(
        matches!(&error, Error::NotExecuted(NotExecuted::Refused(why)) if why.contains("`nowhere`")),
        "{error}"
    );
}

#[tokio::test]
async fn peers_know_what_each_other_sees() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    asking.write("INSERT").await.unwrap();
    let mut view = asking.peers.get("a").unwrap().view();
    let seen = |role: Role| move |view: &Option<View>| view.as_ref().is_some_and(|view| view.role == role);
    tokio::time::timeout(PATIENCE, view.wait_for(seen(Role::Primary))).await.unwrap().unwrap();
    primary.set_role(replica_of("b"));
    tokio::time::timeout(PATIENCE, view.wait_for(seen(replica_of("b")))).await.unwrap().unwrap();
    let reported = async {
        while !primary.member.heard_of(&replica_of("a")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reported).await.unwrap();
}

#[tokio::test]
async fn a_peer_is_asked_what_it_sees_or_says_why_not() {
    let node = TestNode::start(Role::NoLeader).await;
    let listen = nobody().await;
    let asking = Asking::start_on(
        Handle::current(),
        Role::Primary,
        table(&[("a", &node.addr.to_string()), ("b", &listen)]),
    );
    let view = asking.peers.get("a").unwrap().ask_view(in_ms(20_000)).await.unwrap();
    assert_eq!(view.role, Role::NoLeader);
    let why = asking.peers.get("b").unwrap().ask_view(in_ms(200)).await.unwrap_err().why;
    assert!(why.contains(&listen), "{why}");
    let why = asking.peers.get("c").unwrap().ask_view(in_ms(20_000)).await.unwrap_err().why;
    assert!(why.contains("`c`"), "{why}");
}

#[tokio::test]
async fn the_primary_is_connected_to_before_the_first_write() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    asking.peers.follow(asking.member.roles.subscribe());
    let mut view = asking.peers.get("a").unwrap().view();
    tokio::time::timeout(PATIENCE, view.wait_for(Option::is_some)).await.unwrap().unwrap();
    assert!(primary.fake.log().is_empty());
}
