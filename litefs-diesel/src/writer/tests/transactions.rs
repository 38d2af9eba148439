//! Transactions that a connection opened.

use super::*;

#[tokio::test]
async fn a_transaction_keeps_everything_or_nothing() {
    let bench = bench(|repo| repo);
    let deadline = terms().deadline;
    let mut kept = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    assert_eq!(
        kept.run(sql("INSERT INTO t (name) VALUES ('a')"), deadline).await.unwrap().result.unwrap().count,
        1
    );
    let failed = kept.run(sql("INSERT INTO t (name) VALUES ('a')"), deadline).await.unwrap();
    assert!(failed.result.is_err() && failed.open, "an error inside leaves the transaction open");
    let Ok(written) = kept.commit(terms()).await else { panic!("not committed") };
    assert_eq!(written.session.last_insert_rowid, 1);
    let mut dropped = bench.writer.begin(Begin::Exclusive, Session::default(), terms()).await.unwrap();
    dropped.run(sql("INSERT INTO t (name) VALUES ('b')"), deadline).await.unwrap();
    drop(dropped);
    bench.writer.write(insert("c"), terms()).await.unwrap();
    assert_eq!(bench.names(), ["a", "c"]);
}

#[tokio::test]
async fn a_commit_that_a_deferred_key_refuses_leaves_the_transaction_open() {
    let bench = bench(|repo| repo);
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    open.run(sql("INSERT INTO child VALUES (5)"), terms().deadline).await.unwrap();
    let Err(CommitFailure::StillOpen(mut open, error)) = open.commit(terms()).await else { panic!() };
    assert_eq!(error.message, "FOREIGN KEY constraint failed");
    open.run(sql("INSERT INTO t VALUES (5, 'parent')"), terms().deadline).await.unwrap();
    assert!(open.commit(terms()).await.is_ok());
    assert_eq!(bench.names(), ["parent"]);
}

#[tokio::test]
async fn a_statement_that_ends_the_transaction_says_so() {
    let bench = bench(|repo| repo);
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    open.run(sql("INSERT INTO t (name) VALUES ('a')"), terms().deadline).await.unwrap();
    let step = open.run(sql("INSERT INTO t (name) VALUES ('bomb')"), terms().deadline).await.unwrap();
    assert!(!step.open);
    assert!(bench.names().is_empty());
    bench.writer.write(insert("b"), terms()).await.unwrap();
}

#[tokio::test]
async fn an_idle_or_endless_transaction_is_ended_and_says_why() {
    for (idle, total, setting) in [(20, 10_000, "transaction_idle"), (20, 20, "transaction_total")] {
        let bench = bench(|repo| {
            repo.transaction_idle(Duration::from_millis(idle)).transaction_total(Duration::from_millis(total))
        });
        let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
        open.run(sql("INSERT INTO t (name) VALUES ('a')"), terms().deadline).await.unwrap();
        // The writer serves the next one: so the transaction before it has ended.
        bench.writer.write(insert("b"), terms()).await.unwrap();
        let error = open.run(sql("SELECT 1"), terms().deadline).await.unwrap_err();
        assert!(error.to_string().contains(setting), "{error}");
        assert_eq!(bench.names(), ["b"]);
    }
}

#[tokio::test]
async fn a_role_that_changed_meanwhile_leaves_the_outcome_unknown() {
    let bench = bench(|repo| repo);
    let role = bench.role.clone();
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    role.epoch.store(2, Ordering::SeqCst);
    let error = open.run(sql("SELECT 1"), terms().deadline).await.unwrap_err();
    assert!(matches!(error, Error::NotExecuted(_)), "{error}");
    let error = open.run(sql("SELECT 1"), terms().deadline).await.unwrap_err();
    assert!(error.to_string().contains("primary moved"), "{error}");
}

#[tokio::test]
async fn closing_answers_everybody_and_ends_the_thread() {
    let bench = bench(|repo| repo);
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    open.run(sql("INSERT INTO t (name) VALUES ('a')"), terms().deadline).await.unwrap();
    let queued = bench.writer.write(insert("b"), terms());
    let writer = bench.writer.clone();
    let closing = tokio::task::spawn_blocking(move || writer.close());
    // The transaction is ended although nobody drops it.
    closing.await.unwrap();
    let error = open.run(sql("SELECT 1"), terms().deadline).await.unwrap_err();
    assert!(error.to_string().contains("shutting down"), "{error}");
    let queued = queued.await;
    assert!(matches!(queued, Err(Error::NotExecuted(NotExecuted::ShuttingDown))), "{queued:?}");
    let after = bench.writer.write(insert("c"), terms()).await;
    assert!(matches!(after, Err(Error::NotExecuted(NotExecuted::ShuttingDown))), "{after:?}");
    assert!(bench.names().is_empty());
}
