//! A transaction whose caller lost sight of it.

use super::*;
use crate::request::{Ask, Stamp};

fn question(open: &caller::Opened) -> Stamp {
    Stamp { id: open.id, hash: 0, forgotten: 0, again: true }
}

#[tokio::test]
async fn a_committed_transaction_is_in_the_ledger_and_one_that_was_rolled_back_is_not() {
    let bench = bench_on(true, |repo| repo);
    for (commit, name) in [(true, "kept"), (false, "gone")] {
        let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
        open.run(sql(&format!("INSERT INTO t (name) VALUES ('{name}')")), terms().deadline).await.unwrap();
        let question = question(&open);
        if commit {
            let Ok(written) = open.commit(terms()).await else { panic!("not committed") };
            for ask in [Ask::Look, Ask::Settle] {
                let found = bench.writer.ask(question, ask).await.unwrap();
                assert_eq!(found.session, written.session);
                assert!(found.position.txid >= written.position.txid);
            }
        } else {
            open.rollback(terms().deadline).await.unwrap();
            assert_eq!(bench.writer.ask(question, Ask::Settle).await, Err(Refusal::Absent));
        }
    }
    assert_eq!(bench.names(), ["kept"]);
}

#[tokio::test]
async fn a_commit_that_is_refused_leaves_no_entry_and_the_next_one_does() {
    let bench = bench_on(true, |repo| repo);
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    open.run(sql("INSERT INTO child VALUES (5)"), terms().deadline).await.unwrap();
    let Err(CommitFailure::StillOpen(mut open, _)) = open.commit(terms()).await else { panic!() };
    let entries = open.run(
        Statement { want: Want::Rows, ..sql("SELECT COUNT(*) FROM __litefs_diesel_writes") },
        terms().deadline,
    );
    let rows = entries.await.unwrap().result.unwrap().rows.unwrap();
    assert_eq!(rows.values.iter().next(), Some(ValueRef::Integer(0)));
    open.run(sql("INSERT INTO t VALUES (5, 'parent')"), terms().deadline).await.unwrap();
    let question = question(&open);
    assert!(open.commit(terms()).await.is_ok());
    assert!(bench.writer.ask(question, Ask::Look).await.is_ok());
    assert_eq!(bench.names(), ["parent"]);
}

#[tokio::test]
async fn to_settle_an_open_transaction_ends_it_at_once() {
    let minute = Duration::from_secs(60);
    let bench = bench_on(true, |repo| repo.transaction_idle(minute).transaction_total(minute));
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    open.run(sql("INSERT INTO t (name) VALUES ('open')"), terms().deadline).await.unwrap();
    let question = question(&open);
    assert_eq!(bench.writer.ask(question, Ask::Settle).await, Err(Refusal::Absent));
    let after = open.run(sql("SELECT 1"), terms().deadline).await;
    assert!(matches!(after, Err(Error::NotExecuted(NotExecuted::TransactionEnded(_)))), "{after:?}");
    let Err(CommitFailure::Ended(_)) = open.commit(terms()).await else { panic!("committed") };
    // Its begin, which sat somewhere, does not open another.
    let begin =
        bench.writer.writer.begin(question.id, Begin::Immediate, Session::default(), terms().deadline.into());
    assert!(matches!(begin.await.map(drop), Err(Refusal::Late)));
    assert!(bench.names().is_empty());
}

#[tokio::test]
async fn one_that_is_settled_while_its_begin_waits_does_not_open() {
    let bench = bench_on(true, |repo| repo);
    let held = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let stamp = bench.writer.stamp();
    let begin =
        bench.writer.writer.begin(stamp.id, Begin::Immediate, Session::default(), terms().deadline.into());
    let settled = bench.writer.ask(Stamp { hash: 0, ..stamp }, Ask::Settle);
    held.rollback(terms().deadline).await.unwrap();
    assert!(matches!(begin.await.map(drop), Err(Refusal::Late)));
    assert_eq!(settled.await, Err(Refusal::Absent));
}

#[tokio::test]
async fn a_statement_cannot_end_a_transaction_unseen() {
    let bench = bench_on(true, |repo| repo);
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    open.run(sql("INSERT INTO t (name) VALUES ('a')"), terms().deadline).await.unwrap();
    for text in
        ["COMMIT", "ROLLBACK", "INSERT INTO t (name) VALUES ('b'); END", "RELEASE litefs_diesel_request"]
    {
        for want in [Want::Batch, Want::Count] {
            let first = text.split(';').next().unwrap();
            let text = if want == Want::Batch { text } else { first };
            if text.starts_with("INSERT") && want == Want::Count {
                continue;
            }
            let step = open.run(Statement { want, ..sql(text) }, terms().deadline).await.unwrap();
            assert!(step.open && step.result.is_err(), "{text}");
        }
    }
    open.run(Statement { want: Want::Batch, ..sql("SAVEPOINT s; RELEASE s") }, terms().deadline)
        .await
        .unwrap();
    assert!(open.commit(terms()).await.is_ok());
    assert_eq!(bench.names(), ["a"]);
}

#[tokio::test]
async fn so_many_transactions_wait_and_one_more_is_overloaded() {
    let bench = bench_on(true, |repo| repo.transactions_waiting(2));
    let open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let begin = || bench.writer.begin(Begin::Immediate, Session::default(), terms());
    let (first, second, third) = (begin(), begin(), begin());
    let third = third.await.map(drop);
    assert!(matches!(third, Err(Error::NotExecuted(NotExecuted::Overloaded(_)))), "{third:?}");
    // Writes are not transactions.
    let write = bench.writer.write(insert("a"), terms());
    open.rollback(terms().deadline).await.unwrap();
    first.await.unwrap().rollback(terms().deadline).await.unwrap();
    second.await.unwrap().rollback(terms().deadline).await.unwrap();
    write.await.unwrap();
    begin().await.unwrap().rollback(terms().deadline).await.unwrap();
}
