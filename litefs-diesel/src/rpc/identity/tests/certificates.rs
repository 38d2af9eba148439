//! Certificates: those of the cluster's authorities, in their time, with the name that was meant.

use super::super::session::PeerIdentity;
use super::super::testing::*;
use super::super::{IdentityError, Transport};

#[tokio::test]
async fn nodes_with_certificates_of_one_authority_know_each_other_by_name() {
    let authority = Authority::new();
    let (calling, called) = meet(&authority.node("ams"), &authority.node("ord"), "ord").await;
    let (calling, called) = (calling.unwrap().1, called.unwrap().1);
    let names = |name: &str| vec!["10.0.0.9".to_owned(), name.to_owned()];
    assert_eq!(
        called.proves("ams", &names("ams")).unwrap(),
        PeerIdentity::Certificate { node: "ams".into() }
    );
    assert_eq!(
        calling.proves("ord", &names("ord")).unwrap(),
        PeerIdentity::Certificate { node: "ord".into() }
    );
    // What it says of itself later has to be what its certificate says.
    let error = called.proves("fra", &names("fra")).unwrap_err();
    assert!(matches!(error, IdentityError::Name { .. }) && error.to_string().contains("fra"), "{error}");
}

#[test]
fn a_node_can_tell_that_its_certificate_is_of_another_one() {
    let node = Authority::new().node("ams");
    assert_eq!(node.misnamed(&["ams.internal".to_owned(), "ams".to_owned()]), None);
    assert!(node.misnamed(&["ord".to_owned()]).unwrap().contains("ord"));
    assert_eq!(by_secret(&secret(), "shop").misnamed(&["ord".to_owned()]), None);
}

#[tokio::test]
async fn an_address_in_the_certificate_is_a_name() {
    let authority = Authority::new();
    let (calling, _called) = meet(&authority.node("ams"), &authority.node("127.0.0.1"), "127.0.0.1").await;
    assert!(calling.is_ok(), "{:?}", calling.err());
}

#[tokio::test]
async fn the_certificates_between_a_node_s_and_its_authority_are_in_its_file() {
    let authority = Authority::new();
    let deputy = authority.deputy();
    let node = |name: &str| {
        let files = Files::new();
        files.put("ca", &authority.pem());
        let mut own = deputy.sign(name);
        own.certificate.push_str(&deputy.pem());
        files.put_certificate(&own);
        Transport::load(&files.by_certificate(), "shop").unwrap()
    };
    let (calling, called) = meet(&node("ams"), &node("ord"), "ord").await;
    assert!(calling.is_ok() && called.is_ok(), "{:?} {:?}", calling.err(), called.err());
}

#[tokio::test]
async fn a_node_of_another_name_is_not_the_one_that_was_called() {
    let authority = Authority::new();
    let (calling, called) = meet(&authority.node("ams"), &authority.node("ord"), "fra").await;
    let error = calling.err().unwrap();
    assert!(matches!(error, IdentityError::Certificate(_)) && error.to_string().contains("fra"), "{error}");
    assert!(matches!(called, Err(IdentityError::Refused(_))), "{:?}", called.err());
}

#[tokio::test]
async fn a_name_that_no_certificate_can_have_is_nobody_s() {
    let authority = Authority::new();
    let (calling, _) = meet(&authority.node("ams"), &authority.node("ord"), "node a / berlin").await;
    assert!(matches!(calling, Err(IdentityError::Certificate(_))), "{:?}", calling.err());
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused_on_both_sides() {
    let (one, other) = (Authority::new(), Authority::new());
    let (calling, called) = meet(&one.node("ams"), &other.node("ord"), "ord").await;
    assert!(matches!(calling, Err(IdentityError::Certificate(_))), "{:?}", calling.err());
    assert!(matches!(called, Err(IdentityError::Refused(_))), "{:?}", called.err());
}

/// The one who calls trusts both authorities, so that it is the called one that has to refuse.
#[tokio::test]
async fn one_who_calls_with_a_certificate_of_another_authority_is_refused_and_told_so() {
    let (one, other) = (Authority::new(), Authority::new());
    let files = Files::new();
    files.put("ca", &format!("{}{}", one.pem(), other.pem()));
    files.put_certificate(&other.sign("ams"));
    let calling = Transport::load(&files.by_certificate(), "shop").unwrap();
    let (calling, called) = meet(&calling, &one.node("ord"), "ord").await;
    assert!(matches!(called, Err(IdentityError::Certificate(_))), "{:?}", called.err());
    assert!(matches!(calling, Err(IdentityError::Refused(_))), "{:?}", calling.err());
}

#[tokio::test]
async fn a_node_with_a_secret_and_one_with_a_certificate_refuse_each_other() {
    let authority = Authority::new();
    let (calling, called) = meet(&by_secret(&secret(), "shop"), &authority.node("ord"), "ord").await;
    assert!(calling.is_err_and(|error| error.is_refusal()));
    assert!(called.is_err_and(|error| error.is_refusal()));
    let (calling, called) = meet(&authority.node("ams"), &by_secret(&secret(), "shop"), "ord").await;
    assert!(calling.is_err_and(|error| error.is_refusal()));
    assert!(called.is_err_and(|error| error.is_refusal()));
}
