//! The shared secret: who has it gets in, and nobody else.

use rustls::HandshakeKind;
use tokio_util::either::Either;

use super::super::session::PeerIdentity;
use super::super::testing::*;
use super::super::{IdentityError, Stream};

#[tokio::test]
async fn nodes_with_the_same_secret_know_each_other_by_tls_1_3() {
    let one = secret();
    let (calling, called) = meet(&by_secret(&one, "shop"), &by_secret(&one, "shop"), "ams").await;
    for (stream, session) in [calling.unwrap(), called.unwrap()] {
        let Either::Right(tls) = &stream else { panic!("plain text") };
        assert_eq!(tls.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        assert_eq!(session.proves("ams", &[]).unwrap(), PeerIdentity::SharedSecret);
    }
}

#[tokio::test]
async fn another_secret_is_refused_on_both_sides() {
    let (calling, called) = meet(&by_secret(&secret(), "shop"), &by_secret(&secret(), "shop"), "ams").await;
    assert!(matches!(calling, Err(IdentityError::Secret)), "{:?}", calling.err());
    assert!(matches!(called, Err(IdentityError::Refused(_))), "{:?}", called.err());
}

#[tokio::test]
async fn the_same_secret_in_another_cluster_is_refused() {
    let one = secret();
    let (calling, called) = meet(&by_secret(&one, "shop"), &by_secret(&one, "test"), "ams").await;
    assert!(matches!(calling, Err(IdentityError::Secret)), "{:?}", calling.err());
    assert!(called.is_err());
}

/// The one who calls accepts both, so that it is the called one that has to refuse.
#[tokio::test]
async fn one_who_calls_with_another_secret_is_refused_and_told_so() {
    let (one, other) = (secret(), secret());
    let calling = by_secret(&format!("{other} {one}"), "shop");
    let (calling, called) = meet(&calling, &by_secret(&one, "shop"), "ams").await;
    assert!(matches!(called, Err(IdentityError::Secret)), "{:?}", called.err());
    assert!(matches!(calling, Err(IdentityError::Refused(_))), "{:?}", calling.err());
}

#[tokio::test]
async fn no_session_is_resumed() {
    let one = secret();
    let (calling, called) = (by_secret(&one, "shop"), by_secret(&one, "shop"));
    for _ in 0..3 {
        let (calling, called) = meet(&calling, &called, "ams").await;
        for stream in [calling.unwrap().0, called.unwrap().0] {
            let Stream::Right(tls) = &stream else { panic!("plain text") };
            assert_eq!(tls.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        }
    }
}
