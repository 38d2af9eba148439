//! Ends of a connection that are not ours: what they are refused for, and that nothing was said to them.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, Error, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::testing::*;
use super::super::{IdentityError, Transport};

/// Calls a node as one that is not ours, and says what each came to. A node says nothing first: what
/// the caller reads is what it was refused with.
async fn call(
    config: ClientConfig,
    called: &Transport,
) -> (io::Result<TlsStream<TcpStream>>, Result<(), IdentityError>) {
    let (there, here) = connection().await;
    let connector = TlsConnector::from(Arc::new(config));
    let calling = async {
        let mut stream = connector.connect(ServerName::try_from("ord").unwrap(), there).await?;
        match tokio::time::timeout(PATIENCE, stream.read(&mut [0; 1])).await.expect("an end") {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(stream),
        }
    };
    let called = async { called.accept(here, soon()).await.map(drop) };
    tokio::join!(calling, called)
}

fn alert<T>(result: io::Result<T>) -> Option<AlertDescription> {
    match result.err()?.get_ref()?.downcast_ref::<Error>()? {
        Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

#[tokio::test]
async fn one_without_a_certificate_is_refused() {
    let authority = Authority::new();
    let (calling, called) = call(authority.foreign(None, &[&TLS13]), &authority.node("ord")).await;
    assert!(matches!(called, Err(IdentityError::Nothing)), "{called:?}");
    assert_eq!(alert(calling), Some(AlertDescription::CertificateRequired));
}

#[tokio::test]
async fn one_without_a_key_is_refused_where_there_is_a_secret() {
    let authority = Authority::new();
    for own in [None, Some(authority.sign("ams"))] {
        let foreign = authority.foreign(own.as_ref(), &[&TLS13]);
        let (calling, called) = call(foreign, &by_secret(&secret(), "shop")).await;
        assert!(matches!(called, Err(IdentityError::Foreign(_))), "{called:?}");
        assert!(alert(calling).is_some());
    }
}

#[tokio::test]
async fn one_with_an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let old = authority.sign_until("ams", 2020);
    let (calling, called) = call(authority.foreign(Some(&old), &[&TLS13]), &authority.node("ord")).await;
    let error = called.unwrap_err();
    assert!(
        matches!(error, IdentityError::Certificate(_)) && error.to_string().contains("expired"),
        "{error}"
    );
    assert_eq!(alert(calling), Some(AlertDescription::CertificateExpired));
}

#[tokio::test]
async fn a_node_whose_certificate_has_expired_is_not_spoken_to() {
    let authority = Authority::new();
    let (there, here) = connection().await;
    let old = authority.sign_until("ord", 2020).acceptor();
    let answering = async { old.accept(here).await.map(drop) };
    let calling = authority.node("ams");
    let calling = calling.connect(there, vec!["ord".to_owned()], soon());
    let (calling, answering) = tokio::join!(calling, answering);
    let error = calling.err().unwrap();
    assert!(
        matches!(error, IdentityError::Certificate(_)) && error.to_string().contains("expired"),
        "{error}"
    );
    assert_eq!(alert(answering), Some(AlertDescription::CertificateExpired));
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let authority = Authority::new();
    let own = authority.sign("ams");
    for called in [authority.node("ord"), by_secret(&secret(), "shop")] {
        let (calling, called) = call(authority.foreign(Some(&own), &[&TLS12]), &called).await;
        assert!(matches!(called, Err(IdentityError::Foreign(Error::PeerIncompatible(_)))), "{called:?}");
        assert_eq!(alert(calling), Some(AlertDescription::ProtocolVersion));
    }
}

#[tokio::test]
async fn one_that_speaks_something_else_inside_is_refused() {
    let authority = Authority::new();
    for other in [vec![], vec![b"h2".to_vec()]] {
        let mut foreign = authority.foreign(Some(&authority.sign("ams")), &[&TLS13]);
        foreign.alpn_protocols = other;
        let (_, called) = call(foreign, &authority.node("ord")).await;
        assert!(matches!(called, Err(IdentityError::Foreign(_))), "{called:?}");
    }
}

/// A caller that would like to resume: it is given no ticket, so that it cannot.
#[tokio::test]
async fn a_session_is_never_offered_again() {
    let authority = Authority::new();
    let called = authority.node("ord");
    let mut foreign = authority.foreign(Some(&authority.sign("ams")), &[&TLS13]);
    foreign.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(8)));
    for _ in 0..2 {
        let (calling, called) = call(foreign.clone(), &called).await;
        called.unwrap();
        let stream = calling.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn what_is_no_tls_is_refused_at_once() {
    let called = by_secret(&secret(), "shop");
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"lfsdiesl....", &[0; 64], &[0xff; 64]] {
        let (mut there, here) = connection().await;
        there.write_all(bytes).await.unwrap();
        let error = called.accept(here, soon()).await.err().unwrap();
        assert!(matches!(error, IdentityError::Foreign(_)), "{error}");
        assert!(error.is_refusal());
    }
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_ends_at_its_deadline() {
    let (there, here) = connection().await;
    let (calling, called) = (by_secret(&secret(), "shop"), by_secret(&secret(), "shop"));
    let deadline = Instant::now() + Duration::from_millis(50);
    // Nobody is at the other end of either.
    let silent = connection().await;
    let (calling, called) =
        tokio::join!(calling.connect(there, vec![], deadline), called.accept(silent.1, deadline));
    assert!(matches!(calling, Err(IdentityError::Timeout)), "{:?}", calling.err());
    assert!(matches!(called, Err(IdentityError::Timeout)), "{:?}", called.err());
    drop(here);
    // And one that stops in the middle of a record.
    let (mut there, here) = connection().await;
    there.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    let called = by_secret(&secret(), "shop");
    let error = called.accept(here, Instant::now() + Duration::from_millis(50)).await.err().unwrap();
    assert!(matches!(error, IdentityError::Timeout), "{error}");
}

#[tokio::test]
async fn one_who_hangs_up_is_no_refusal() {
    let (there, here) = connection().await;
    drop(there);
    let error = by_secret(&secret(), "shop").accept(here, soon()).await.err().unwrap();
    assert!(matches!(error, IdentityError::Io(_)) && !error.is_refusal(), "{error}");
}
