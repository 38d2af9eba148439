//! Procedures, and the neighbours of those that misbehave.

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::*;
use crate::error::DatabaseError;
use crate::request::{Ask, ProcedureCall, Reply, Stamp, Work};

pub(super) fn call(name: &str) -> Write {
    let call = ProcedureCall { name: name.into(), version: 1, args: name.as_bytes().to_vec() };
    Write { work: Work::Call(call), ..Write::of(Vec::new()) }
}

pub(super) fn put(conn: &mut SqliteConnection, name: &str) -> QueryResult<usize> {
    diesel::sql_query(format!("INSERT INTO t (name) VALUES ('{name}')")).execute(conn)
}

pub(super) type Body = fn(&mut SqliteConnection) -> Result<Reply, DatabaseError>;

pub(super) fn has(bench: &Bench, name: &str, body: Body) {
    bench.procedures.register(name, 1, Arc::new(move |conn, _| body(conn)));
}

pub(super) fn done() -> Result<Reply, DatabaseError> {
    Ok(Reply::Ok(vec![7]))
}

/// A call between two writes, which must stand whatever it does. What the call gave, and all names.
pub(super) async fn between(
    bench: &Bench,
    name: &str,
    body: Body,
) -> (Result<Written, Refusal>, Vec<String>) {
    has(bench, name, body);
    let held = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let ask = |write| bench.writer.ask(bench.writer.stamp(), Ask::Run(write));
    let (before, called, after) = (ask(insert("before")), ask(call(name)), ask(insert("after")));
    held.rollback(terms().deadline).await.unwrap();
    before.await.unwrap();
    let called = called.await;
    after.await.unwrap();
    let names = bench.names();
    bench.change("DELETE FROM t");
    (called, names)
}

pub(super) fn says(result: Result<Written, Refusal>) -> String {
    match result {
        Err(Refusal::Rejected(error)) => error.message,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

#[tokio::test]
async fn a_value_is_kept_and_an_error_of_its_own_takes_it_back() {
    for replicated in [false, true] {
        let bench = bench_on(replicated, |repo| repo);
        let (called, names) = between(&bench, "adds", |conn| {
            put(conn, "added")?;
            done()
        })
        .await;
        let written = called.unwrap();
        assert_eq!(written.reply, Some(Reply::Ok(vec![7])));
        assert_eq!(written.position.txid > 0, replicated || written.position.txid > 0);
        assert_eq!(names, ["before", "added", "after"]);
        let (called, names) = between(&bench, "fails", |conn| {
            put(conn, "added")?;
            Ok(Reply::Err(vec![8]))
        })
        .await;
        let written = called.unwrap();
        assert_eq!((written.reply, written.position), (Some(Reply::Err(vec![8])), Position::ZERO));
        assert_eq!(names, ["before", "after"]);
        let (called, _) = between(&bench, "misread", |_| Err(DatabaseError::other("no such argument"))).await;
        assert_eq!(says(called), "no such argument");
    }
}

#[tokio::test]
async fn a_panic_is_rolled_back_and_becomes_an_error() {
    let bench = bench_on(true, |repo| repo);
    let (called, names) = between(&bench, "panics", |conn| {
        put(conn, "added")?;
        conn.transaction::<(), diesel::result::Error, _>(|conn| {
            put(conn, "nested")?;
            panic!("no {}", "more")
        })?;
        done()
    })
    .await;
    assert_eq!(says(called), "the procedure `panics` panicked: no more");
    assert_eq!(names, ["before", "after"]);
    // Diesel's own book-keeping is as before: transactions nest as they did.
    let (called, names) = between(&bench, "nests", |conn| {
        let failed: Result<(), _> = conn.transaction(|conn| {
            put(conn, "taken back")?;
            Err(diesel::result::Error::RollbackTransaction)
        });
        assert!(failed.is_err());
        conn.transaction(|conn| put(conn, "kept"))?;
        done()
    })
    .await;
    called.unwrap();
    assert_eq!(names, ["before", "kept", "after"]);
}

#[tokio::test]
async fn transaction_control_inside_is_refused_and_never_harms_a_neighbour() {
    let bench = bench_on(true, |repo| repo);
    let cases: [(&str, Body); 6] = [
        ("COMMIT", |conn| {
            put(conn, "added")?;
            conn.batch_execute("COMMIT")?;
            done()
        }),
        ("ROLLBACK", |conn| {
            put(conn, "added")?;
            diesel::sql_query("ROLLBACK").execute(conn)?;
            put(conn, "outside")?;
            done()
        }),
        ("END", |conn| {
            conn.batch_execute("INSERT INTO t (name) VALUES ('added'); END; BEGIN")?;
            done()
        }),
        ("BEGIN", |conn| {
            conn.batch_execute("BEGIN IMMEDIATE")?;
            done()
        }),
        ("RELEASE", |conn| {
            put(conn, "added")?;
            conn.batch_execute("RELEASE litefs_diesel_request")?;
            done()
        }),
        ("PRAGMA", |conn| {
            conn.batch_execute("PRAGMA incremental_vacuum")?;
            done()
        }),
    ];
    for (name, body) in cases {
        let (called, names) = between(&bench, name, body).await;
        let said = says(called);
        assert!(said.contains(&format!("`{name}` may not run `{name}")), "{said}");
        assert_eq!(names, ["before", "after"], "{name}");
    }
}

#[tokio::test]
async fn an_error_that_ended_the_transaction_is_its_own_and_nobody_elses() {
    let bench = bench_on(true, |repo| repo);
    let (called, names) = between(&bench, "bomb", |conn| {
        put(conn, "bomb")?;
        done()
    })
    .await;
    assert_eq!(says(called), "the bomb went off");
    assert_eq!(names, ["before", "after"]);
    let (called, names) = between(&bench, "nested", |conn| {
        conn.transaction(|conn| put(conn, "bomb"))?;
        done()
    })
    .await;
    // What Diesel says of it, here and anywhere.
    assert_eq!(says(called), "no such savepoint: diesel_savepoint_1");
    assert_eq!(names, ["before", "after"]);
    let (called, names) = between(&bench, "careless", |conn| {
        let _ = put(conn, "bomb");
        done()
    })
    .await;
    assert!(says(called).contains("an error had ended its transaction"));
    assert_eq!(names, ["before", "after"]);
    let (called, _) = between(&bench, "goes on", |conn| {
        let _ = put(conn, "bomb");
        put(conn, "outside")?;
        done()
    })
    .await;
    assert!(matches!(called, Err(Refusal::NotDecoded { .. })), "{called:?}");
}

#[tokio::test]
async fn a_large_error_of_its_own_ends_the_group_as_a_large_value_does() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.register().await;
    has(&bench, "fails", |_| Ok(Reply::Err(vec![8; 9 << 20])));
    let held = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let ask = |write| bench.writer.ask(bench.writer.stamp(), Ask::Run(write));
    let (before, called, after) = (ask(insert("before")), ask(call("fails")), ask(insert("after")));
    held.rollback(terms().deadline).await.unwrap();
    let before = before.await.unwrap().position;
    called.await.unwrap();
    // What comes later is of another group.
    assert!(after.await.unwrap().position.txid > before.txid);
}

#[tokio::test]
async fn a_transaction_that_it_left_open_is_rolled_back() {
    use diesel::connection::{AnsiTransactionManager, TransactionManager};
    let bench = bench_on(true, |repo| repo);
    let (called, names) = between(&bench, "leaves", |conn| {
        AnsiTransactionManager::begin_transaction(conn)?;
        put(conn, "added")?;
        done()
    })
    .await;
    assert!(says(called).contains("left a transaction open"));
    assert_eq!(names, ["before", "after"]);
}

#[tokio::test]
async fn an_unknown_procedure_or_version_is_refused_before_anything_runs() {
    let bench = bench_on(true, |repo| repo);
    has(&bench, "known", |_| done());
    let mut other = call("known");
    let Work::Call(called) = &mut other.work else { panic!() };
    called.version = 2;
    for (write, version) in [(call("unknown"), 1), (other, 2)] {
        let refused = bench.writer.run(bench.writer.stamp(), write).await;
        let Err(Refusal::UnknownProcedure { version: said, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(said, version);
    }
}

#[tokio::test]
async fn a_procedure_runs_once_and_its_error_is_kept_when_another_attempt_may_come() {
    let bench = bench_on(true, |repo| repo);
    has(&bench, "adds", |conn| {
        put(conn, "added")?;
        done()
    });
    let stamp = bench.writer.stamp();
    let first = bench.writer.run(stamp, call("adds")).await.unwrap();
    let second = bench.writer.run(Stamp { again: true, ..stamp }, call("adds")).await.unwrap();
    assert_eq!(first.reply, second.reply);
    assert_eq!(bench.names(), ["added"]);

    has(&bench, "fails", |_| Ok(Reply::Err(vec![8])));
    let (first, again) = (bench.writer.stamp(), Stamp { again: true, ..bench.writer.stamp() });
    bench.writer.run(first, call("fails")).await.unwrap();
    bench.writer.run(again, call("fails")).await.unwrap();
    has(&bench, "fails", |_| done());
    let reply = |written: Result<Written, _>| written.unwrap().reply.unwrap();
    assert_eq!(reply(bench.writer.run(first, call("fails")).await), Reply::Ok(vec![7]));
    assert_eq!(reply(bench.writer.run(again, call("fails")).await), Reply::Err(vec![8]));
}
