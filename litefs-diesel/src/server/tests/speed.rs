//! What a connection between two nodes costs, as ratios of rounds that take turns:
//!
//! ```text
//! cargo test --release -p litefs-diesel --lib measured_between_nodes -- --ignored --nocapture
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use litefs_diesel_tests::bench::{Contest, Line, Options, Outcome, Report, Target, percentile};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::identity::{call_by, secured};
use super::*;
use crate::position::Position;
use crate::rpc::identity::testing::{Authority, by_secret, secret};

const ROUNDS: usize = 9;

/// A side of its own, with a thread for the network, as a node has.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn show(lines: Vec<Line>) {
    let mut report = Report::begin(&Options::parse(std::iter::empty(), &[]).unwrap());
    report.extend(lines);
    println!("{report}");
}

async fn call(client: &Client<Data>, sql: &str) {
    assert!(matches!(ask(client, write(sql)).await, Ok(Reply::Written(_))));
}

/// Microseconds a call of `callers` that each make `times`. They run where an application's do: outside the
/// threads that serve the connection.
fn micros_a_call(here: &Runtime, client: &Client<Data>, callers: u32, times: u32) -> f64 {
    let begin = Instant::now();
    here.block_on(futures::future::join_all((0..callers).map(|_| async {
        for _ in 0..times {
            call(client, "fast").await;
        }
    })));
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(callers * times)
}

#[test]
#[ignore = "measures: wants a release build and a quiet machine"]
fn measured_between_nodes_a_call_by_identity_against_one_in_plain_text() {
    let (here, there) = (runtime(), runtime());
    let shared = by_secret(&secret(), "shop");
    let nodes = [Transport::Plain, shared.clone()].map(|by| there.block_on(secured(by)));
    let [plain, known] = &nodes;
    let plain = here.block_on(call_by::<Data>(plain, &Transport::Plain, &identity("eu"), Purpose::Data));
    let known = here.block_on(call_by::<Data>(known, &shared, &identity("eu"), Purpose::Data));
    let lines = [(1, 2000, 1.3), (64, 200, 1.2)].map(|(callers, times, most)| {
        let results = Contest::new()
            .enter("plain", || Ok(micros_a_call(&here, &plain, callers, times)))
            .enter("known", || Ok(micros_a_call(&here, &known, callers, times)))
            .run(ROUNDS)
            .unwrap();
        let series = |name: &str| results.series(name, |micros| *micros);
        let what = format!("a call with TLS and identity / in plain text, {callers} at once");
        Line::compare(what, "us", series("known"), series("plain"), Some(Target::AtMost(most, None)))
    });
    show(lines.into());
}

/// How many bytes a call sends and receives, seen by who is between.
fn bytes_of_a_call(here: &Runtime, node: &TestNode) -> (usize, usize) {
    const CALLS: u64 = 100;
    let sizes = |calls: u64| {
        here.block_on(async {
            let between = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = between.local_addr().unwrap();
            let to = node.addr;
            let relay: JoinHandle<(u64, u64)> = tokio::spawn(async move {
                let (mut near, _) = between.accept().await.unwrap();
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::io::copy_bidirectional(&mut near, &mut far).await.unwrap()
            });
            let mut stream = TcpStream::connect(addr).await.unwrap();
            hello::greet(&mut stream, &identity("eu"), Purpose::Data, in_ms(20_000)).await.unwrap();
            let (client, driver) = Client::new(stream, MAX_FRAME);
            let driver = tokio::spawn(driver);
            for _ in 0..calls {
                call(&client, "fast").await;
            }
            drop(client);
            driver.await.unwrap();
            relay.await.unwrap()
        })
    };
    let ((few_out, few_in), (out, back)) = (sizes(CALLS), sizes(2 * CALLS));
    (((out - few_out) / CALLS) as usize, ((back - few_in) / CALLS) as usize)
}

/// Bare TCP: as many bytes there, as many back, with nothing done on either side.
fn ping((out, back): (usize, usize)) -> impl FnMut(u32) -> Outcome<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    peer.set_nodelay(true).unwrap();
    std::thread::spawn(move || {
        let (mut request, answer) = (vec![0; out], vec![0; back]);
        while peer.read_exact(&mut request).is_ok() && peer.write_all(&answer).is_ok() {}
    });
    let (request, mut answer) = (vec![0; out], vec![0; back]);
    move |times| {
        let begin = Instant::now();
        for _ in 0..times {
            stream.write_all(&request)?;
            stream.read_exact(&mut answer)?;
        }
        Ok(begin.elapsed().as_secs_f64() * 1e6 / f64::from(times))
    }
}

/// Both on one core: so the time is what is done, and not who wakes whom on which core.
#[test]
#[ignore = "measures: wants a release build and a quiet machine"]
fn measured_between_nodes_a_warm_call_against_a_bare_ping_on_one_core() {
    const TIMES: u32 = 2000;
    let all = sched_getaffinity(None).unwrap();
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)).unwrap());
    // Before the threads begin, which inherit it.
    sched_setaffinity(None, &one).unwrap();
    let (here, there) = (runtime(), runtime());
    let node = there.block_on(TestNode::start(Role::Primary));
    let client = here.block_on(connect(&node));
    let bytes = bytes_of_a_call(&here, &node);
    let mut ping = ping(bytes);
    let results = Contest::new()
        .enter("ping", || ping(TIMES))
        .enter("call", || Ok(micros_a_call(&here, &client, 1, TIMES)))
        .run(ROUNDS)
        .unwrap();
    let series = |name: &str| results.series(name, |micros| *micros);
    let what =
        format!("a warm call, in plain text / a TCP ping of its {} and {} bytes, one core", bytes.0, bytes.1);
    let target = Some(Target::AtMost(3.0, None));
    show(vec![Line::compare(what, "us", series("call"), series("ping"), target)]);
}

/// Connecting, TLS and the hello, one after the other: what a caller waits for after a connection broke.
#[test]
#[ignore = "measures: wants a release build and a quiet machine"]
fn measured_between_nodes_a_connection_made_anew() {
    let authority = Authority::new();
    let (shared, me) = (by_secret(&secret(), "shop"), identity("eu"));
    let (here, there) = (runtime(), runtime());
    let kinds = [
        ("in plain text", Transport::Plain, Transport::Plain),
        ("with a shared secret", shared.clone(), shared),
        ("with certificates", authority.node(&me.node), authority.node("called")),
    ];
    let lines = kinds.map(|(kind, by, called)| {
        // As often as it can.
        let often = LimitSettings {
            handshake_rate: 1_000_000,
            handshake_rate_per_address: 1_000_000,
            ..LimitSettings::default()
        };
        let node = there.block_on(TestNode::secured(called, often, identity("eu")));
        let once = || {
            here.block_on(async {
                let begin = Instant::now();
                let stream = TcpStream::connect(node.addr).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let names = vec!["called".to_owned()];
                let (mut stream, _) = by.connect(stream, names, in_ms(20_000)).await.unwrap();
                hello::greet(&mut stream, &me, Purpose::Data, in_ms(20_000)).await.unwrap();
                begin.elapsed().as_secs_f64() * 1e3
            })
        };
        let p50s =
            (0..ROUNDS).map(|_| percentile(&(0..50).map(|_| once()).collect::<Vec<_>>(), 0.5)).collect();
        Line::value(format!("connect again {kind}, p50 of 50"), "ms", Some(p50s), 2.0)
    });
    show(lines.into());
}

/// The results go one way on the connection for calls, the reports the same way on theirs.
#[test]
#[ignore = "measures: wants a release build and a quiet machine"]
fn measured_between_nodes_reports_of_positions_while_large_results_flow() {
    let (here, there) = (runtime(), runtime());
    let shared = by_secret(&secret(), "shop");
    // The primary gives results; the replica hears its reports.
    let (primary, replica) =
        (there.block_on(secured(shared.clone())), here.block_on(secured(shared.clone())));
    let reports: Client<Control> =
        there.block_on(call_by(&replica, &shared, &identity("eu"), Purpose::Control));
    let calls = here.block_on(call_by::<Data>(&primary, &shared, &identity("eu"), Purpose::Data));
    let calls = Arc::new(calls);
    let stop = Arc::new(AtomicBool::new(false));
    let mut version = 0;
    let mut round = |flowing: bool| {
        stop.store(false, Ordering::Relaxed);
        let (calls, stopping) = (Arc::clone(&calls), Arc::clone(&stop));
        let flow = here.spawn(async move {
            let mut bytes = 0;
            while flowing && !stopping.load(Ordering::Relaxed) {
                let read = Request::Read { repo: "Repo".into(), statement: Cow::Owned(statement("large")) };
                let Ok(Reply::Read(outcome)) = ask(&calls, read).await else { panic!("no result") };
                bytes += outcome.rows.unwrap().values.byte_len();
            }
            bytes
        });
        let took: Vec<f64> = there.block_on(async {
            let mut took = Vec::new();
            for _ in 0..300 {
                version += 1;
                let position = Position { txid: version, checksum: version };
                let place = crate::rpc::control::Place { position, proven: true };
                let positions = BTreeMap::from([("Repo".to_owned(), place)]);
                let view = View { version, role: Role::Primary, positions, ..View::unknown() };
                let begin = Instant::now();
                let answer = reports.call(Message::new(&Ask::Report(view)), in_ms(20_000)).await;
                assert!(matches!(answer, Ok(Answer::Noted)), "{answer:?}");
                took.push(begin.elapsed().as_secs_f64() * 1e3);
                // A busy primary's come this far apart.
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            took
        });
        stop.store(true, Ordering::Relaxed);
        let bytes = here.block_on(flow).unwrap();
        assert!(!flowing || bytes > 40 << 20, "no more than {bytes} bytes of results flowed");
        took
    };
    let rounds = |flowing| (0..ROUNDS).map(|_| percentile(&round(flowing), 0.99)).collect::<Vec<_>>();
    let [quiet, flowing] = [false, true].map(rounds);
    let what = "a report of a position there and back";
    show(vec![
        Line::value(format!("{what} while results of 4 MiB flow, p99 of 300"), "ms", Some(flowing), 20.0),
        Line::reference(format!("{what}, nothing else on the way, p99 of 300"), "ms", Some(quiet)),
    ]);
}
