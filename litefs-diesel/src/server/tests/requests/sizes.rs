//! Statements that are too large.

use tokio::io::AsyncWriteExt;

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

#[tokio::test]
async fn what_has_come_of_a_frame_counts_before_it_is_whole() {
    let limits = LimitSettings { request_bytes: 1 << 20, ..LimitSettings::default() };
    let bench = Bench::start(limits).await;
    let other = connect(&bench.node).await;
    let mut first = Raw::connect(&bench.node).await.0.into_inner();
    // Announced, and not whole: it has all that there is, for it was the first.
    first.write_all(&(MAX_FRAME as u32).to_be_bytes()).await.unwrap();
    first.write_all(&vec![0; 900 << 10]).await.unwrap();
    let mut second = Raw::connect(&bench.node).await.0.into_inner();
    second.write_all(&(MAX_FRAME as u32).to_be_bytes()).await.unwrap();
    let sent = async { while second.write_all(&[0; 64 << 10]).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, sent).await.expect("its connection is ended");
    ask(&other, write("INSERT INTO t (a) VALUES (1)")).await.unwrap();
}
