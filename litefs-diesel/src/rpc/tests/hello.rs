//! The hello, over a stream in memory.

use std::collections::BTreeSet;

use super::*;
use crate::litefs::ClusterId;
use crate::rpc::greeting::{Introduction, MAGIC, Opening, Verdict, Versions};
use crate::rpc::hello::{self, HelloError, Identity, Peer, Purpose};

/// LiteFS's id of the cluster of all nodes here.
pub(super) const FIRST: &str = "LFSC0123456789ABCDEF";

pub(super) fn identity(process: u128) -> Identity {
    Identity {
        application: "shop".into(),
        cluster: "eu".into(),
        node: format!("node-{process}"),
        process,
        repos: BTreeSet::from(["Repo".into()]),
        protocol: hello::PROTOCOL,
        litefs: ClusterId::fixed(Some(FIRST)),
    }
}

/// What both sides say of a hello between these two.
async fn meet(
    caller: &Identity,
    called: &Identity,
) -> (Result<Peer, HelloError>, Result<(Peer, Purpose), HelloError>) {
    let (mut here, mut there) = duplex(1 << 16);
    tokio::join!(
        hello::greet(&mut here, caller, Purpose::Data, soon()),
        hello::welcome(&mut there, called, soon(), || true)
    )
}

#[tokio::test]
async fn a_hello_tells_each_who_the_other_is() {
    let (called, caller) = meet(&identity(1), &identity(2)).await;
    let (called, (caller, purpose)) = (called.unwrap(), caller.unwrap());
    assert_eq!((called.node.as_str(), called.process, called.protocol), ("node-2", 2, 1));
    assert_eq!((caller.node.as_str(), caller.process, purpose), ("node-1", 1, Purpose::Data));
    assert_eq!(caller.repos, identity(1).repos);
}

#[tokio::test]
async fn the_highest_common_version_is_spoken() {
    let (old, new) =
        (Identity { protocol: 1..=3, ..identity(1) }, Identity { protocol: 2..=5, ..identity(2) });
    for (caller, called) in [(&old, &new), (&new, &old)] {
        let (a, b) = meet(caller, called).await;
        assert_eq!((a.unwrap().protocol, b.unwrap().0.protocol), (3, 3));
    }
}

#[tokio::test]
async fn versions_without_overlap_are_refused_and_both_ranges_are_named() {
    let (old, new) =
        (Identity { protocol: 1..=2, ..identity(1) }, Identity { protocol: 3..=4, ..identity(2) });
    let (a, b) = meet(&old, &new).await;
    let (a, b) = (a.unwrap_err(), b.unwrap_err());
    assert!(a.to_string().contains("speaks 1 to 2, the other 3 to 4"), "{a}");
    assert!(b.to_string().contains("speaks 3 to 4, the other 1 to 2"), "{b}");
    assert!(a.is_refusal() && b.is_refusal());
}

#[tokio::test]
async fn another_application_another_cluster_and_itself_are_refused() {
    let other = Identity { application: "blog".into(), ..identity(2) };
    let (a, b) = meet(&identity(1), &other).await;
    assert!(matches!(a, Err(HelloError::Application { theirs, .. }) if theirs == "blog"));
    assert!(matches!(b, Err(HelloError::Application { theirs, .. }) if theirs == "shop"));
    let other = Identity { cluster: "us".into(), ..identity(2) };
    let (a, b) = meet(&identity(1), &other).await;
    assert!(matches!(a, Err(HelloError::Cluster { theirs, .. }) if theirs == "us"));
    assert!(matches!(b, Err(HelloError::Cluster { .. })));
    let (a, b) = meet(&identity(1), &identity(1)).await;
    assert!(matches!((a, b), (Err(HelloError::Itself), Err(HelloError::Itself))));
}

#[tokio::test]
async fn a_hello_that_is_none_is_refused() {
    let not_ours = [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0, 0, 3, 1, 2, 3], &[0, 0, 16, 1]];
    for bytes in not_ours {
        let (mut here, mut there) = duplex(1 << 16);
        here.write_all(bytes).await.unwrap();
        let error = hello::welcome(&mut there, &identity(1), soon(), || true).await.unwrap_err();
        assert!(matches!(error, HelloError::Foreign(_)), "{bytes:?}: {error}");
    }
}

#[tokio::test]
async fn a_silent_peer_is_given_up_at_the_deadline() {
    let (_here, mut there) = duplex(1 << 16);
    let deadline = Instant::now() + Duration::from_millis(10);
    let error = hello::welcome(&mut there, &identity(1), deadline, || true).await.unwrap_err();
    assert!(matches!(error, HelloError::Timeout) && !error.is_refusal());
}

#[tokio::test]
async fn a_hello_over_the_limit_is_refused_where_it_would_be_sent() {
    let large = Identity { repos: (0..1000).map(|i| format!("Repo{i}")).collect(), ..identity(1) };
    let (mut here, _there) = duplex(1 << 16);
    let error = hello::greet(&mut here, &large, Purpose::Control, soon()).await.unwrap_err();
    assert!(matches!(error, HelloError::TooLarge), "{error}");
    assert!(large.check_size().is_err() && identity(1).check_size().is_ok());
}

fn with_litefs(process: u128, id: Option<&str>) -> Identity {
    Identity { litefs: ClusterId::fixed(id), ..identity(process) }
}

#[tokio::test]
async fn nodes_whose_litefs_belong_to_two_clusters_are_refused_and_both_are_named() {
    let (ours, theirs) = (identity(1), with_litefs(2, Some("LFSC0000000000000002")));
    let (a, b) = meet(&ours, &theirs).await;
    let (a, b) = (a.unwrap_err(), b.unwrap_err());
    assert!(
        matches!(&a, HelloError::LitefsCluster { ours, theirs } if ours == FIRST && theirs == "LFSC0000000000000002")
    );
    assert!(
        matches!(&b, HelloError::LitefsCluster { ours, theirs } if theirs == FIRST && ours == "LFSC0000000000000002")
    );
    assert!(a.is_refusal() && b.is_refusal());
    assert!(a.to_string().contains("the disk of a static primary is replaced"), "{a}");
}

#[tokio::test]
async fn a_litefs_that_has_not_joined_yet_is_a_reason_to_try_again_on_both_sides() {
    let not_yet = with_litefs(2, None);
    let (a, b) = meet(&identity(1), &not_yet).await;
    let (mut here, mut there) = duplex(1 << 16);
    let silent = hello::greet(&mut here, &not_yet, Purpose::Data, soon()).await;
    drop(here);
    assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0, "who does not know its own says nothing");
    for error in [a.unwrap_err(), b.unwrap_err(), silent.unwrap_err()] {
        assert!(matches!(error, HelloError::NotYet { .. }) && !error.is_refusal(), "{error}");
    }
}

#[tokio::test]
async fn an_empty_id_on_the_wire_stands_for_no_cluster() {
    let opening = Opening { magic: MAGIC, versions: Versions { oldest: 1, newest: 1 } };
    let nobody = || Introduction {
        application: "shop".into(),
        cluster: "eu".into(),
        litefs: String::new(),
        node: "ord".into(),
        process: 7,
        repos: BTreeSet::new(),
    };
    for id in [Some(FIRST), None] {
        let (mut here, mut there) = duplex(1 << 16);
        let call = [body(&opening), body(&(Purpose::Data, nobody()))].concat();
        here.write_all(&[&(call.len() as u32).to_be_bytes()[..], &call].concat()).await.unwrap();
        let error = hello::welcome(&mut there, &with_litefs(1, id), soon(), || true).await.unwrap_err();
        assert!(matches!(error, HelloError::NotYet { .. }), "{error}");
    }
    let (mut here, mut there) = duplex(1 << 16);
    let answer = [body(&opening), body(&(Verdict::Welcome { protocol: 1 }, nobody()))].concat();
    here.write_all(&[&(answer.len() as u32).to_be_bytes()[..], &answer].concat()).await.unwrap();
    let error = hello::greet(&mut there, &identity(1), Purpose::Data, soon()).await.unwrap_err();
    assert!(matches!(error, HelloError::NotYet { who: "the other node" }), "{error}");
}

#[tokio::test]
async fn a_hello_has_the_id_that_litefs_says_at_that_time() {
    let (ids, litefs) = ClusterId::changing(None);
    let late = Identity { litefs, ..identity(2) };
    assert!(matches!(meet(&identity(1), &late).await.0, Err(HelloError::NotYet { .. })));
    ids.send_replace(Some(FIRST.into()));
    assert_eq!(meet(&identity(1), &late).await.0.unwrap().litefs, FIRST);
    ids.send_replace(Some("LFSC0000000000000002".into()));
    assert!(matches!(meet(&identity(1), &late).await.0, Err(HelloError::LitefsCluster { .. })));
}
