//! What a commit is worth when the role changes around it.

use std::path::Path;

use diesel::prelude::*;

use super::*;

#[diesel::declare_sql_function]
extern "SQL" {
    /// Sets the role in the middle of a statement.
    fn set_role(epoch: diesel::sql_types::BigInt) -> diesel::sql_types::BigInt;
}

fn bench_that_sets_its_role() -> Bench {
    let role = Fake::new();
    let inside = role.clone();
    let on_open = move |conn: &mut SqliteConnection| {
        let role = inside.clone();
        set_role_utils::register_nondeterministic_impl(conn, move |epoch: i64| {
            role.epoch.store(epoch as u64, Ordering::SeqCst);
            epoch
        })
    };
    bench_with(false, |repo| repo, on_open, role)
}

fn inserts_and_sets(name: &str, epoch: u64) -> Write {
    request(&[&format!("INSERT INTO t (name) VALUES ('{name}' || set_role({epoch}))")])
}

#[tokio::test]
async fn a_role_that_changed_before_the_commit_leaves_nothing_and_says_so() {
    for epoch in [0, 2] {
        let bench = bench_that_sets_its_role();
        let results = grouped(&bench, vec![insert("a"), inserts_and_sets("b", epoch), insert("c")]).await;
        for result in results {
            assert!(matches!(result, Err(Error::NotExecuted(NotExecuted::NotPrimary))), "{result:?}");
        }
        assert!(bench.names().is_empty());
        bench.role.epoch.store(3, Ordering::SeqCst);
        bench.writer.write(insert("d"), terms()).await.unwrap();
        assert_eq!(bench.names(), ["d"]);
    }
}

#[tokio::test]
async fn a_position_that_litefs_does_not_give_after_the_commit_leaves_the_outcome_unknown() {
    let bench = bench_that_sets_its_role();
    // The epoch in which LiteFS goes away is the one of `BEGIN`, so the commit is made.
    bench.role.epoch.store(GONE, Ordering::SeqCst);
    let results = grouped(&bench, vec![insert("a"), request(&["INSERT INTO nowhere VALUES (1)"])]).await;
    assert!(matches!(results[0], Err(Error::Unknown { .. })), "{results:?}");
    assert!(
        matches!(results[1], Err(Error::NotExecuted(_))),
        "what had been rejected never ran: {results:?}"
    );
    assert_eq!(bench.names(), ["a"], "it may have run, and did");
}

#[tokio::test]
async fn a_transaction_whose_role_changed_during_its_last_statement_does_not_commit() {
    let bench = bench_that_sets_its_role();
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    open.run(sql("INSERT INTO t (name) VALUES ('x' || set_role(2))"), terms().deadline).await.unwrap();
    let Err(CommitFailure::Ended(error)) = open.commit(terms()).await else { panic!("committed") };
    assert!(matches!(error, Error::NotExecuted(_)), "{error}");
    assert!(bench.names().is_empty());
}

#[tokio::test]
async fn a_commit_that_litefs_did_not_take_is_unknown_and_settled_by_the_next_attempt() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.register().await;
    bench.role.held.store(true, Ordering::SeqCst);
    let stamp = bench.writer.stamp();
    let written = bench.writer.run(stamp, insert("a")).await;
    assert!(matches!(&written, Err(Refusal::Unknown(why)) if why.contains("did not take")), "{written:?}");
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    open.run(sql("INSERT INTO t (name) VALUES ('b')"), terms().deadline).await.unwrap();
    let Err(CommitFailure::Ended(error)) = open.commit(terms()).await else { panic!("acknowledged") };
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
    bench.role.held.store(false, Ordering::SeqCst);
    let settled = bench.writer.run(crate::request::Stamp { again: true, ..stamp }, insert("a")).await;
    assert!(settled.is_ok(), "{settled:?}");
    assert_eq!(bench.names(), ["a", "b"]);
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Lets the commit of the transaction that it is called in fail with an I/O error.
    fn break_commit(i: diesel::sql_types::BigInt) -> diesel::sql_types::BigInt;
}

/// A commit in rollback mode ends with the deletion of the journal: in place of it there is a directory
/// then, which SQLite cannot delete, so it says that the commit failed when the file is written already.
fn break_journal(database: &Path) {
    let journal = database.with_extension("db-journal");
    std::fs::remove_file(&journal).unwrap();
    std::fs::create_dir(&journal).unwrap();
}

/// A database in rollback mode whose `break_commit` breaks the journal.
fn bench_whose_commits_break() -> Bench {
    let on_open = |conn: &mut SqliteConnection| {
        let database = diesel::dsl::sql::<diesel::sql_types::Text>("SELECT file FROM pragma_database_list")
            .get_result::<String>(conn)?;
        break_commit_utils::register_nondeterministic_impl(conn, move |i: i64| {
            break_journal(Path::new(&database));
            i
        })
    };
    let bench = bench_with(true, |repo| repo, on_open, Fake::new());
    bench.change("PRAGMA journal_mode = DELETE");
    bench
}

impl Bench {
    /// The disk works again.
    fn mend_journal(&self) {
        std::fs::remove_dir(self.file.path().join("t.db-journal")).unwrap();
    }
}

#[tokio::test]
async fn an_io_error_of_a_groups_commit_is_never_a_rejection_and_is_settled_by_the_next_attempt() {
    let bench = bench_whose_commits_break();
    bench.writer.register().await;
    let stamp = bench.writer.stamp();
    // The first one opens the journal.
    let write = || request(&["INSERT INTO t (name) VALUES ('a')", "UPDATE t SET id = break_commit(id)"]);
    let written = bench.writer.run(stamp, write()).await;
    let Err(Refusal::Unknown(why)) = &written else { panic!("{written:?}") };
    assert!(why.contains("its commit failed: disk I/O error"), "{why}");
    bench.mend_journal();
    let settled = bench.writer.run(crate::request::Stamp { again: true, ..stamp }, insert("a")).await;
    assert!(settled.is_ok(), "{settled:?}");
    assert_eq!(bench.names(), ["a"]);
}

#[tokio::test]
async fn an_io_error_of_a_transactions_commit_is_never_a_rejection_and_is_settled_by_the_ledger() {
    let bench = bench_whose_commits_break();
    bench.writer.register().await;
    let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let stamp = bench.writer.stamped(open.id.sequence);
    open.run(sql("INSERT INTO t (name) VALUES ('a')"), terms().deadline).await.unwrap();
    break_journal(&bench.file.path().join("t.db"));
    let committed = open.commit(terms()).await;
    let Err(CommitFailure::Ended(error)) = committed else { panic!("it is settled") };
    assert!(
        matches!(&error, Error::Unknown { why } if why.contains("its commit failed: disk I/O error")),
        "{error}"
    );
    bench.mend_journal();
    // It is there as a whole, with its entry, or not at all.
    let settled = bench.writer.ask(stamp, crate::request::Ask::Settle).await;
    assert_eq!(settled.is_ok(), bench.names() == ["a"], "{settled:?}");
    assert!(settled.is_ok() || settled == Err(Refusal::Absent), "{settled:?}");
}

#[tokio::test]
async fn what_was_not_committed_has_no_entry_and_runs_when_it_comes_again() {
    use crate::request::{Ask, Stamp};
    let role = Fake::new();
    let inside = role.clone();
    let on_open = move |conn: &mut SqliteConnection| {
        let role = inside.clone();
        set_role_utils::register_nondeterministic_impl(conn, move |epoch: i64| {
            role.epoch.store(epoch as u64, Ordering::SeqCst);
            epoch
        })
    };
    let bench = bench_with(true, |repo| repo, on_open, role);
    bench.writer.register().await;
    let stamp = bench.writer.stamp();
    // The role changes between the entry and the commit.
    let cut = bench.writer.run(stamp, inserts_and_sets("a", 2)).await;
    assert_eq!(cut, Err(Refusal::NotPrimary { hint: None }));
    assert_eq!(bench.writer.ask(stamp, Ask::Look).await, Err(Refusal::Absent));
    assert!(bench.names().is_empty());
    let again = Stamp { again: true, ..stamp };
    bench.writer.run(again, inserts_and_sets("a", 2)).await.unwrap();
    // Now the primary goes away after the commit, whose answer is lost with it.
    let stamp = bench.writer.stamp();
    let lost = bench.writer.run(stamp, insert("b")).await;
    assert!(lost.is_ok());
    bench.role.epoch.store(5, Ordering::SeqCst);
    bench.writer.run(Stamp { again: true, ..stamp }, insert("b")).await.unwrap();
    assert_eq!(bench.names(), ["a2", "b"]);
}
