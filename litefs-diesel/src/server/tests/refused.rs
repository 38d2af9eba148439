//! What is refused is counted by its reason, and does not fill a log.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use metrics::LocalRecorderGuard;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_util::bytes::BytesMut;
use tracing_subscriber::filter::LevelFilter;

use super::identity::greet;
use super::*;
use crate::counted::Counted;
use crate::error::{DatabaseError, ErrorKind};
use crate::logged::Logged;
use crate::rpc::identity::testing::{Authority, Own, by_secret, secret};
use crate::rpc::wire::{self, Trace, Up};

/// What is counted on this thread.
pub(super) fn counting() -> (Arc<Counted>, LocalRecorderGuard<'static>) {
    let counted: &'static Arc<Counted> = Box::leak(Box::new(Arc::default()));
    (Arc::clone(counted), metrics::set_default_local_recorder(counted.as_ref()))
}

fn of(counted: &Counted, reason: &str) -> u64 {
    counted.of(&format!("litefs_diesel_refused_total {reason}"))
}

/// Waits until that many were refused for this.
pub(super) async fn refused(counted: &Counted, reason: &str, count: u64) {
    let deadline = Instant::now() + PATIENCE;
    while of(counted, reason) < count {
        assert!(Instant::now() < deadline, "{reason}: {} of {count}", of(counted, reason));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Says that and waits until it is hung up on.
async fn say(addr: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("an end");
}

#[tokio::test]
async fn a_scan_of_300_connections_logs_a_bounded_number_of_lines_and_counts_each() {
    const EACH: u64 = 100;
    let (counted, _counting) = counting();
    let (logged, _logging) = Logged::up_to(LevelFilter::INFO);
    let shared = by_secret(&secret(), "shop");
    let (handshake_rate, handshake_rate_per_address) = (10_000, 10_000);
    let limits = LimitSettings { handshake_rate, handshake_rate_per_address, ..LimitSettings::default() };
    let node = TestNode::secured(shared.clone(), limits, identity("eu")).await;
    let stranger = by_secret(&secret(), "shop");
    let start = Instant::now();
    for _ in 0..EACH {
        say(node.addr, b"GET / HTTP/1.1\r\n\r\n").await;
        say(node.addr, b"\0\0\0\x08lfsdiesl").await;
        assert!(greet(&node, &stranger, &identity("eu"), Purpose::Data).await.is_err());
    }
    refused(&counted, "not_tls", 2 * EACH).await;
    // The stranger leaves: it does not know this node either.
    refused(&counted, "not_accepted", EACH).await;
    let reasons = 2;
    // What was held back is told of, too.
    let told = |label: &str| -> u64 {
        let lines = logged.lines(&format!("reason=\"{label}\""));
        let count = |line: &String| -> u64 {
            line.split("count=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
        };
        lines.iter().map(count).sum()
    };
    while told("not_tls") < 2 * EACH || told("not_accepted") < EACH {
        assert!(start.elapsed() < PATIENCE, "{}", logged.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lines = logged.text().lines().count() as u64;
    assert!(lines <= reasons * (start.elapsed().as_secs() + 1), "{lines} lines: {}", logged.text());
    let line = &logged.lines("not_tls")[0];
    assert!(line.contains("127.0.0.1:") && line.contains("cluster.secret_file"), "{line}");
    assert_eq!(node.fake.log(), [""; 0]);
}

#[tokio::test]
async fn every_kind_of_stranger_is_counted_under_its_reason() {
    let (counted, _counting) = counting();
    let (authority, other) = (Authority::new(), Authority::new());
    let me = identity("eu");
    let limits = LimitSettings { handshake_timeout: Duration::from_millis(200), ..LimitSettings::default() };
    let node = TestNode::secured(authority.node("called"), limits, identity("eu")).await;
    // With TLS of its own.
    let own = [
        ("no_certificate", None, &TLS13),
        ("unknown_authority", Some(other.sign("ams")), &TLS13),
        ("expired_certificate", Some(authority.sign_until("ams", 2020)), &TLS13),
        ("tls_version", Some(authority.sign("ams")), &TLS12),
    ];
    for (reason, own, version) in own {
        let config = authority.foreign(own.as_ref().map(|own: &Own| own), &[version]);
        let stream = TcpStream::connect(node.addr).await.unwrap();
        let called =
            TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("called").unwrap(), stream);
        if let Ok(mut stream) = called.await {
            let _ = stream.read(&mut [0; 1]).await;
        }
        refused(&counted, reason, 1).await;
    }
    // A node that says the name of another.
    let stream = TcpStream::connect(node.addr).await.unwrap();
    let (mut stream, _) =
        authority.node("ams").connect(stream, vec!["called".into()], in_ms(20_000)).await.unwrap();
    let _ = hello::greet(&mut stream, &me, Purpose::Data, in_ms(20_000)).await;
    refused(&counted, "wrong_name", 1).await;
    // Nothing, half of a handshake, and no handshake.
    drop(TcpStream::connect(node.addr).await.unwrap());
    refused(&counted, "broken", 1).await;
    say(node.addr, &[0x16, 3, 1, 2, 0, 1]).await;
    refused(&counted, "handshake_time", 1).await;
    say(node.addr, b"SSH-2.0-OpenSSH_9.6\r\n").await;
    refused(&counted, "not_tls", 1).await;
    // Another secret: known to itself, and to the stranger the node's own.
    let one = secret();
    let by = by_secret(&one, "shop");
    let node = TestNode::secured(by.clone(), LimitSettings::default(), identity("eu")).await;
    let stranger = by_secret(&format!("{}\n{one}", secret()), "shop");
    assert!(greet(&node, &stranger, &me, Purpose::Data).await.is_err());
    refused(&counted, "wrong_secret", 1).await;
    // And one with the identity that says the wrong things.
    let itself = Identity { process: node.process, ..me.clone() };
    let said = [
        ("application", Identity { application: "blog".into(), ..me.clone() }),
        ("cluster", Identity { cluster: "us".into(), ..me.clone() }),
        ("protocol", Identity { protocol: 9..=9, ..me.clone() }),
        ("itself", itself),
    ];
    for (reason, said) in said {
        assert!(greet(&node, &by, &said, Purpose::Data).await.is_err());
        refused(&counted, reason, 1).await;
    }
    assert_eq!(node.fake.log(), [""; 0]);
}

#[tokio::test]
async fn what_a_plain_text_port_refuses_is_counted() {
    let (counted, _counting) = counting();
    let limits = LimitSettings { handshake_timeout: Duration::from_millis(100), ..LimitSettings::default() };
    let node = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let shared = by_secret(&secret(), "shop");
    assert!(greet(&node, &shared, &identity("eu"), Purpose::Data).await.is_err());
    refused(&counted, "tls_to_plain", 1).await;
    say(node.addr, b"GET / HTTP/1.1\r\n\r\n").await;
    refused(&counted, "hello_foreign", 1).await;
    say(node.addr, &[0, 0]).await;
    refused(&counted, "hello_time", 1).await;
}

#[tokio::test]
async fn calls_that_are_refused_are_counted_by_what_was_wrong() {
    let (counted, _counting) = counting();
    let limits = LimitSettings {
        requests_per_connection: 2,
        transactions_per_connection: 1,
        ..LimitSettings::default()
    };
    let node = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let client = connect(&node).await;
    let unknown = Request::Write { repo: "Audit".into(), request: Cow::Owned(write_request("INSERT")) };
    assert!(ask(&client, unknown).await.is_err());
    assert_eq!(of(&counted, "unknown_repo"), 1);
    assert_eq!(ask(&client, write("overload")).await, Err(Refusal::Overloaded(full())));
    assert_eq!(of(&counted, "queue"), 1);
    assert_eq!(ask(&client, write("reject")).await, Err(Refusal::Rejected(unique())));
    ask(&client, begin(1)).await.unwrap();
    let bound = Bound::new("limits.transactions_per_connection", 1);
    assert_eq!(ask(&client, begin(2)).await, Err(Refusal::Overloaded(bound)));
    assert_eq!((of(&counted, "transactions"), of(&counted, "queue")), (1, 1));
    let forbidden = "ATTACH is not for here; nothing changed";
    let error = DatabaseError { kind: ErrorKind::Other, message: forbidden.into() };
    node.fake.refusals.lock().push(Refusal::Rejected(error));
    assert!(ask(&client, write("ATTACH")).await.is_err());
    assert_eq!(of(&counted, "not_allowed"), 1);
    tokio::select! {
        _ = futures::future::join(ask(&client, write("hang")), ask(&client, write("hang"))) => panic!("nobody answers"),
        () = async {
            node.fake.logged("running hang").await;
            while !matches!(ask(&client, write("INSERT")).await, Err(Refusal::Overloaded(_))) {}
        } => {}
    }
    assert_eq!(of(&counted, "calls_in_flight"), 1);
}

/// A peer that has let in what no node says.
struct Raw(TcpStream);

impl Raw {
    async fn connect(node: &TestNode) -> Self {
        let mut stream = TcpStream::connect(node.addr).await.unwrap();
        hello::greet(&mut stream, &identity("eu"), Purpose::Data, in_ms(20_000)).await.unwrap();
        Self(stream)
    }

    fn call(to: &mut BytesMut, id: u64, deadline_ms: u32, body: &[u8]) {
        let head = Up::Call { id, deadline_ms, trace: Trace::default() };
        wire::frame(to, MAX_FRAME, |frame| {
            frame.message(&head)?;
            frame.bytes(body)
        })
        .unwrap();
    }
}

#[tokio::test]
async fn requests_and_frames_that_cannot_be_read_are_counted() {
    let (counted, _counting) = counting();
    let node = TestNode::start(Role::Primary).await;
    let mut raw = Raw::connect(&node).await;
    let mut frames = BytesMut::new();
    Raw::call(&mut frames, 1, 20_000, &[0xff; 40]);
    raw.0.write_all(&frames).await.unwrap();
    refused(&counted, "unreadable", 1).await;
    raw.0.write_all(&[0xff; 4]).await.unwrap();
    refused(&counted, "frame", 1).await;
}

/// Nobody cancels them: it is for the node to end them.
#[tokio::test]
async fn a_thousand_calls_that_run_past_their_deadline_log_some_lines() {
    const CALLS: u64 = 1000;
    let (counted, _counting) = counting();
    let (logged, _logging) = Logged::up_to(LevelFilter::INFO);
    let node = TestNode::start(Role::Primary).await;
    let mut raw = Raw::connect(&node).await;
    let mut frames = BytesMut::new();
    for id in 0..CALLS {
        let body = wire::body(&write("hang")).unwrap();
        Raw::call(&mut frames, id, 1, &body);
    }
    let start = Instant::now();
    raw.0.write_all(&frames).await.unwrap();
    refused(&counted, "overdue", CALLS).await;
    assert!(node.fake.log().iter().filter(|line| *line == "dropped hang").count() as u64 >= CALLS - 1);
    let lines = logged.text().lines().count() as u64;
    assert!((1..=start.elapsed().as_secs() + 1).contains(&lines), "{lines} lines: {}", logged.text());
}

/// What comes from outside cannot write a line of its own, or a very long one.
#[tokio::test]
async fn an_example_is_one_short_line() {
    let (logged, _logging) = Logged::up_to(LevelFilter::INFO);
    let node = TestNode::start(Role::Primary).await;
    let cluster = format!("us\n2030-01-01 ERROR forged \x1b[2J{}", "x".repeat(3000));
    assert!(connect_as::<Data>(&node, &identity(&cluster), Purpose::Data).await.is_err());
    let text = logged.text();
    assert!(text.lines().count() == 1 && text.len() < 1000 && !text.contains('\x1b'), "{text}");
}
