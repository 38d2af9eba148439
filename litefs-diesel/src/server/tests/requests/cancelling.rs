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
