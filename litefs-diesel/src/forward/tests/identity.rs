//! Forwarding to nodes that are known by an identity.

use super::*;
use crate::config::LimitSettings;
use crate::rpc::identity::testing::{Authority, Followed, by_secret, secret};

async fn primary(by: &Transport) -> TestNode {
    TestNode::secured(by.clone(), LimitSettings::default(), identity("eu")).await
}

#[tokio::test]
async fn a_write_travels_by_the_shared_secret() {
    let shared = by_secret(&secret(), "shop");
    let primary = primary(&shared).await;
    let asking = Asking::secured(shared, &[("a", &primary)]);
    asking.write("INSERT").await.unwrap();
    assert!(primary.fake.log().contains(&"INSERT".to_owned()));
}

#[tokio::test]
async fn a_node_with_another_secret_is_refused_at_once_and_says_why() {
    let primary = primary(&by_secret(&secret(), "shop")).await;
    let asking = Asking::secured(by_secret(&secret(), "shop"), &[("a", &primary)]);
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(
        matches!(&error, Error::NotExecuted(NotExecuted::Refused(why)) if why.contains("cluster.secret_file")),
        "{error}"
    );
    assert_eq!(primary.fake.log(), [""; 0]);
}

#[tokio::test]
async fn a_node_that_refuses_this_one_is_told_apart_from_one_that_is_down() {
    let (one, other) = (secret(), secret());
    let primary = primary(&by_secret(&one, "shop")).await;
    let asking = Asking::secured(by_secret(&format!("{other} {one}"), "shop"), &[("a", &primary)]);
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(
        matches!(&error, Error::NotExecuted(NotExecuted::Refused(why)) if why.contains("did not accept")),
        "{error}"
    );
}

#[tokio::test]
async fn a_certificate_is_looked_at_for_the_name_that_litefs_gives() {
    let authority = Authority::new();
    let me = identity("eu");
    let by = authority.node(&me.node);
    let primary = TestNode::secured(by, LimitSettings::default(), me.clone()).await;
    let asking = Asking::secured(authority.node("anybody"), &[("another", &primary)]);
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(error.to_string().contains("certificate is not accepted"), "{error}");
    assert_eq!(primary.fake.log(), [""; 0]);
}

/// Every step on both nodes, one after the other; writes go on all the time.
#[tokio::test]
async fn writes_go_on_while_the_secret_is_replaced() {
    let (old, new) = (secret(), secret());
    let (there, here) = (Followed::with_secret(&old), Followed::with_secret(&old));
    let primary = primary(&there.transport).await;
    let asking = Asking::secured(here.transport.clone(), &[("a", &primary)]);
    asking.write("INSERT").await.unwrap();
    for step in [&format!("{old}\n{new}"), &format!("{new}\n{old}"), &new] {
        for node in [&here, &there] {
            let mut changed = std::pin::pin!(node.put_secret(step));
            loop {
                tokio::select! {
                    () = &mut changed => break,
                    written = asking.write("INSERT") => drop(written.unwrap()),
                }
            }
            asking.write("INSERT").await.unwrap();
        }
    }
    let late = Asking::secured(by_secret(&old, "shop"), &[("a", &primary)]);
    assert!(late.write("INSERT").await.is_err());
    let new = Asking::secured(by_secret(&new, "shop"), &[("a", &primary)]);
    new.write("INSERT").await.unwrap();
}
