//! A client that cancels everything.

use super::*;

#[tokio::test]
async fn calls_that_are_cancelled_count_for_as_long_as_they_wait_for_the_writer() {
    let bench = Bench::start(LimitSettings { requests_per_connection: 4, ..LimitSettings::default() }).await;
    let other = connect(&bench.node).await;
    // Everybody waits for this one.
    ask(&other, begin(1)).await.unwrap();
    let mut raw = Raw::connect(&bench.node).await;
    let nowhere = Request::Read { repo: "Nowhere".into(), statement: Cow::Owned(statement("SELECT 1")) };
    for id in 0..200 {
        raw.call(id, &write("INSERT INTO t (a) VALUES (1)")).await;
        // Whatever is said to this, the one before it has been taken up.
        raw.call(1000 + id, &nowhere).await;
        raw.answer_to(1000 + id).await.unwrap_err();
        raw.send(&Up::Cancel { id }, &[]).await;
    }
    raw.call(9999, &write("INSERT INTO t (a) VALUES (1)")).await;
    let answer = raw.answer_to(9999).await;
    let Err(Refusal::Overloaded(bound)) = answer else { panic!("it was taken: {answer:?}") };
    assert_eq!((bound.setting(), bound.most()), ("limits.requests_per_connection", 4));
    // The others go on, and so does this one as soon as the writer has looked at what it cancelled.
    assert!(ask(&other, commit_of(1)).await.is_ok());
    ask(&other, write("INSERT INTO t (a) VALUES (2)")).await.unwrap();
    raw.call(10_000, &write("INSERT INTO t (a) VALUES (3)")).await;
    assert!(matches!(raw.answer_to(10_000).await, Ok(Reply::Written(_))));
}

#[tokio::test]
async fn requests_and_transactions_of_all_connections_have_a_bound_of_their_own() {
    let limits = LimitSettings { requests: 3, transactions: 2, ..LimitSettings::default() };
    let bench = Bench::start(limits).await;
    let (one, other) = (connect(&bench.node).await, connect(&bench.node).await);
    // It has the writer, and the next one waits for it.
    ask(&one, begin(1)).await.unwrap();
    let waits = ask(&other, begin(2));
    tokio::pin!(waits);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waits).await;
    assert!(early.is_err(), "{early:?}");
    let refused = ask(&one, begin(3)).await;
    assert_eq!(refused, Err(Refusal::Overloaded(Bound::new("limits.transactions", 2))));
    // Two more that wait, and there is no room for a third on any connection, until those are done.
    let mut raw = Raw::connect(&bench.node).await;
    raw.call(1, &write("INSERT INTO t (a) VALUES (1)")).await;
    raw.call(2, &write("INSERT INTO t (a) VALUES (2)")).await;
    raw.call(3, &write("INSERT INTO t (a) VALUES (3)")).await;
    let refused = raw.answer_to(3).await;
    assert_eq!(refused, Err(Refusal::Overloaded(Bound::new("limits.requests", 3))));
    let mut last = Raw::connect(&bench.node).await;
    last.call(1, &read("SELECT 1")).await;
    assert!(matches!(last.answer_to(1).await, Err(Refusal::Overloaded(_))));
    drop(one); // its transaction is rolled back
    assert_eq!(waits.await, Ok(Reply::Begun));
    ask(&other, Request::Rollback { transaction: 2 }).await.unwrap();
    for _ in 0..2 {
        assert!(raw.answer().await.1.is_ok());
    }
    assert_eq!(bench.count().await, 2);
}
