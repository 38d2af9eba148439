//! Procedures that take the guard off, and end the group's transaction behind the writer's back.

use super::procedures::{Body, between, call, done, has, put, says};
use super::*;
use crate::error::DatabaseError;
use crate::request::{Ask, Reply, Stamp};

/// Without foreign keys nothing keeps SQLite from committing.
fn without_keys(repo: RepoConfig) -> RepoConfig {
    repo.foreign_keys(false)
}

/// Adds a row and runs that text, of which nobody is told.
fn unseen(conn: &mut SqliteConnection, text: &str) -> Result<Reply, DatabaseError> {
    conn.set_instrumentation(|_: diesel::connection::InstrumentationEvent<'_>| {});
    put(conn, "added")?;
    conn.batch_execute(text)?;
    done()
}

const COMMITS: Body = |conn| unseen(conn, "COMMIT");

#[tokio::test]
async fn a_commit_behind_the_guard_is_refused_by_the_database_itself() {
    for replicated in [false, true] {
        let bench = bench_on(replicated, |repo| repo);
        let (called, names) = between(&bench, "commits", COMMITS).await;
        let said = says(called);
        assert!(said.contains("`commits` replaced the instrumentation"), "{said}");
        assert_eq!(names, ["before", "after"]);
        // It is so for one that does not look at the error, and for Diesel's own commit.
        let careless: Body = |conn| {
            let _ = unseen(conn, "COMMIT");
            done()
        };
        let (called, names) = between(&bench, "careless", careless).await;
        assert!(says(called).contains("replaced the instrumentation"));
        assert_eq!(names, ["before", "after"]);
        // The guard is back.
        let guarded: Body = |conn| {
            put(conn, "added")?;
            conn.batch_execute("COMMIT")?;
            done()
        };
        let (called, names) = between(&bench, "guarded", guarded).await;
        assert!(says(called).contains("`guarded` may not run `COMMIT"));
        assert_eq!(names, ["before", "after"]);
    }
}

#[tokio::test]
async fn what_it_committed_of_its_neighbours_is_told_and_not_run_again() {
    for replicated in [false, true] {
        let bench = bench_on(replicated, without_keys);
        let (called, names) = between(&bench, "commits", COMMITS).await;
        let Err(Refusal::NotDecoded { why, .. }) = called else { panic!("{called:?}") };
        assert!(why.contains("`commits` ended its transaction"), "{why}");
        assert_eq!(names, ["before", "added", "after"], "each once, and what it had done before is kept");
        // And what it did in another transaction of its own is the writer's to end.
        let (called, names) = between(&bench, "begins", |conn| unseen(conn, "COMMIT; BEGIN")).await;
        assert!(matches!(called, Err(Refusal::NotDecoded { .. })), "{called:?}");
        assert_eq!(names, ["before", "added", "after"]);
        // It is done as far as it is done: another attempt does not do it again.
        if replicated {
            let stamp = bench.writer.stamp();
            for again in [false, true] {
                let called = bench.writer.run(Stamp { again, ..stamp }, call("commits")).await;
                assert_eq!(matches!(called, Err(Refusal::NotKept { .. })), again, "{called:?}");
            }
            assert_eq!(bench.names(), ["added"]);
        }
    }
}

#[tokio::test]
async fn what_it_rolled_back_of_its_neighbours_is_run_again() {
    for keys in [false, true] {
        let bench = bench_on(true, |repo| repo.foreign_keys(keys));
        let (called, names) = between(&bench, "rolls back", |conn| unseen(conn, "ROLLBACK; BEGIN")).await;
        assert!(matches!(called, Err(Refusal::NotDecoded { .. })), "{called:?}");
        assert_eq!(names, ["before", "after"]);
    }
}

/// Its neighbour is committed by it and past its deadline, and so is it itself.
#[tokio::test]
async fn nobody_whose_deadline_is_over_then_is_told_that_nothing_ran() {
    for replicated in [false, true] {
        let bench = bench_on(replicated, without_keys);
        has(&bench, "commits late", |conn| {
            let ran = unseen(conn, "COMMIT");
            std::thread::sleep(Duration::from_millis(350));
            ran
        });
        let held = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
        let soon = Instant::now() + Duration::from_millis(300);
        let ask = |write| {
            let stamp = bench.writer.stamp();
            bench
                .writer
                .writer
                .write(crate::request::WriteRequest { stamp, ask: Ask::Run(write) }, soon.into())
        };
        let (before, called) = (ask(insert("before")), ask(call("commits late")));
        held.rollback(terms().deadline).await.unwrap();
        let (before, called) = tokio::join!(before, called);
        before.unwrap();
        assert!(matches!(called, Err(Refusal::NotDecoded { .. })), "{called:?}");
        assert_eq!(bench.names(), ["before", "added"]);
    }
}

/// LiteFS has not taken what it committed, or the role has changed: nobody can tell whether it lasts.
#[tokio::test]
async fn what_it_committed_without_a_position_is_unknown_and_not_run_again() {
    let bench = bench_on(true, without_keys);
    bench.writer.register().await;
    has(&bench, "commits", COMMITS);
    let held = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    bench.role.held.store(true, Ordering::SeqCst);
    let ask = |write| bench.writer.ask(bench.writer.stamp(), Ask::Run(write));
    let (before, called) = (ask(insert("before")), ask(call("commits")));
    held.rollback(terms().deadline).await.unwrap();
    let before = before.await;
    assert!(matches!(before, Err(Refusal::Unknown(_))), "{before:?}");
    let called = called.await;
    assert!(matches!(called, Err(Refusal::NotDecoded { .. })), "{called:?}");
    assert_eq!(bench.names(), ["before", "added"]);
}
