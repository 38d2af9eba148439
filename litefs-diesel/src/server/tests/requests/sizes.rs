//! Statements that are too large.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::refused::{counting, refused};
use super::replies::until;
use super::*;
use crate::request::{ProcedureCall, Work};

#[tokio::test]
async fn a_statement_over_a_bound_is_refused_by_name_before_anything_runs() {
    let limits = LimitSettings { statement_bytes: 60, binds: 3, bind_bytes: 100, ..LimitSettings::default() };
    let bench = Bench::start(limits).await;
    let (client, other) = (connect(&bench.node).await, connect(&bench.node).await);
    let insert = || Statement { want: Want::Count, ..plain("INSERT INTO t (a) VALUES (1)") };
    let bound = |values: &[ValueRef<'_>]| Statement { binds: values.iter().copied().collect(), ..insert() };
    let large = [
        (plain(&format!("INSERT INTO t (a) VALUES ('{}')", "x".repeat(60))), "limits.statement_bytes", 60),
        (bound(&[ValueRef::Null; 4]), "limits.binds", 3),
        (bound(&[ValueRef::Blob(&[7; 101])]), "limits.bind_bytes", 100),
    ];
    for (statement, setting, most) in large {
        let refused = Err(Refusal::TooLarge(Bound::new(setting, most)));
        // What stands before it does not run either.
        assert_eq!(ask(&client, writes(vec![insert(), statement.clone()])).await, refused);
        let read = Request::Read { repo: "Repo".into(), statement: Cow::Owned(statement.clone()) };
        assert_eq!(ask(&client, read).await, refused);
        ask(&client, begin(most as u64)).await.unwrap();
        let step = Request::Step { transaction: most as u64, statement: Cow::Owned(statement) };
        assert_eq!(ask(&client, step).await, refused);
        // Nothing of it was begun: the transaction may go on or not, as its caller likes.
        ask(&client, Request::Rollback { transaction: most as u64 }).await.unwrap();
    }
    let call = ProcedureCall { name: "import".into(), version: 1, args: vec![0; 101] };
    let Request::Write { repo, mut request } = writes(vec![]) else { unreachable!() };
    request.to_mut().ask = Ask::Run(Write { work: Work::Call(call), ..Write::of(vec![]) });
    let refused = ask(&client, Request::Write { repo, request }).await;
    assert_eq!(refused, Err(Refusal::TooLarge(Bound::new("limits.bind_bytes", 100))));
    ask(&other, writes(vec![insert()])).await.unwrap();
    assert_eq!(bench.count().await, 1);
}

/// Announces a frame of that many bytes, and sends half of it.
async fn half_a_frame(bench: &Bench, bytes: usize) -> TcpStream {
    let mut stream = Raw::connect(&bench.node).await.0.into_inner();
    stream.write_all(&(bytes as u32).to_be_bytes()).await.unwrap();
    stream.write_all(&vec![0; bytes / 2]).await.unwrap();
    until(|| bench.node.budget.request_bytes.used() > 0).await;
    stream
}

fn large_insert(bytes: usize) -> Request<'static> {
    let binds = [ValueRef::Blob(&vec![7; bytes])].into_iter().collect();
    writes(vec![Statement { binds, ..plain("INSERT INTO t (a) VALUES (?)") }])
}

#[tokio::test]
async fn a_frame_for_which_there_is_no_room_waits_and_small_requests_go_on() {
    let limits = LimitSettings { request_bytes: 1 << 20, ..LimitSettings::default() };
    let bench = Bench::start(limits).await;
    let (waits, other) = (connect(&bench.node).await, connect(&bench.node).await);
    // Half of it is all that ever comes.
    let first = half_a_frame(&bench, 900 << 10).await;
    let mut waits = Box::pin(async move { ask(&waits, large_insert(600 << 10)).await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waits).await;
    assert!(early.is_err(), "{early:?}");
    ask(&other, write("INSERT INTO t (a) VALUES (1)")).await.unwrap();
    drop(first);
    waits.await.unwrap();
    assert_eq!(bench.count().await, 2);
    until(|| bench.node.budget.request_bytes.used() == 0).await;
}

#[tokio::test]
async fn a_frame_that_is_not_whole_in_time_ends_its_connection_and_gives_its_room_back() {
    let (counted, _counting) = counting();
    let reply_timeout = Duration::from_millis(300);
    let bench = Bench::start(LimitSettings { reply_timeout, ..LimitSettings::default() }).await;
    let large = half_a_frame(&bench, MAX_FRAME / 8).await;
    let mut small = Raw::connect(&bench.node).await.0.into_inner();
    small.write_all(&[0, 0]).await.unwrap();
    for mut stream in [large, small] {
        let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        let _ = end.expect("its connection is ended");
    }
    refused(&counted, "frame_timeout", 2).await;
    assert_eq!(bench.node.budget.request_bytes.used(), 0);
    // One who says nothing is not late.
    let quiet = connect(&bench.node).await;
    tokio::time::sleep(2 * reply_timeout).await;
    ask(&quiet, write("INSERT INTO t (a) VALUES (1)")).await.unwrap();
}

#[tokio::test]
async fn a_request_counts_as_what_it_takes_in_memory() {
    let limits = LimitSettings { request_bytes: 1 << 20, ..LimitSettings::default() };
    let bench = Bench::start(limits).await;
    let other = connect(&bench.node).await;
    // Everybody waits for this one.
    ask(&other, begin(1)).await.unwrap();
    let mut raw = Raw::connect(&bench.node).await;
    // A hundred kilobytes each, and megabytes once they are read; the first has room because there is no other.
    for id in 1..=2 {
        raw.call(id, &writes(vec![plain(""); 20_000])).await;
    }
    let refused = raw.answer_to(2).await;
    assert_eq!(refused, Err(Refusal::Overloaded(Bound::new("limits.request_bytes", 1 << 20))));
    ask(&other, commit_of(1)).await.unwrap();
}
