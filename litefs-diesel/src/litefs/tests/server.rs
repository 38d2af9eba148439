//! What this room does with an HTTP server that a running LiteFS 0.5.14 cannot be made to be: an
//! older one, and one that is none.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::super::{InfoError, Litefs, LitefsSettings, Role};

/// Answers every request by `answer(path)`: status and body. Ends with the test process.
fn serve(answer: impl Fn(&str) -> (u16, &'static str) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
            let (status, body) = answer(path);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[track_caller]
fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_litefs_without_events_is_polled() {
    let url = serve(|path| match path {
        "/info" => (
            200,
            r#"{"clusterID": "LFSC1", "isPrimary": false, "candidate": true, "path": "/d", "primary": {"hostname": "a"}}"#,
        ),
        _ => (404, "404 page not found"),
    });
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let litefs = Litefs::start(LitefsSettings::new(url, dir.path()), runtime.handle());
    until("the role was not polled", || litefs.role().role == Role::Replica { primary: "a".into() });
    assert!(litefs.is_reachable());
    assert_eq!(litefs.role().epoch, 1);
    assert_eq!(litefs.cluster_id().now().as_deref(), Some("LFSC1"));
}

#[test]
fn the_files_tell_the_role_where_http_does_not_answer_and_a_dead_litefs_is_not_a_missing_leader() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".lag"), "+000000012\n").unwrap();
    fs::write(dir.path().join(".primary"), "a\n").unwrap();
    let runtime = runtime();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let litefs =
        Litefs::start(LitefsSettings::new(format!("http://{nobody}/"), dir.path()), runtime.handle());
    until("`.primary` was not read", || litefs.role().role == Role::Replica { primary: "a".into() });
    fs::remove_file(dir.path().join(".primary")).unwrap();
    until("a missing `.primary` was believed to be a primary", || litefs.role().role == Role::NoLeader);
    assert!(litefs.is_reachable(), "there is no leader, and LiteFS lives");
    let lost = litefs.mounts_lost();
    fs::remove_file(dir.path().join(".lag")).unwrap();
    until("a dead mount was not noticed", || !litefs.is_reachable());
    until("a lost mount was not counted", || *lost.borrow() == 1);
    assert!(litefs.trouble().unwrap().contains("litefs.http"), "{:?}", litefs.trouble());
    assert_eq!(litefs.lag(), None);
}

#[test]
fn a_server_that_is_not_litefs_is_named() {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let ask = |url| {
        let litefs = Litefs::start(LitefsSettings::new(url, dir.path()), runtime.handle());
        runtime.block_on(litefs.info()).unwrap_err()
    };
    assert!(matches!(ask(serve(|_| (200, "<html>"))), InfoError::Malformed { .. }));
    assert!(matches!(ask(serve(|_| (500, ""))), InfoError::Status { status: 500, .. }));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(ask(format!("http://{nobody}")), InfoError::Unreachable { .. }));
}

#[test]
fn alone_is_primary_for_ever() {
    let litefs = Litefs::alone();
    assert_eq!((litefs.role().role, litefs.epoch(), litefs.is_reachable()), (Role::Primary, 0, true));
    assert_eq!(litefs.lag(), Some(Duration::ZERO));
}
