//! A role, a file or a lock that goes away under a write.

use diesel::prelude::*;

use super::*;

#[diesel::declare_sql_function]
extern "SQL" {
    /// Takes as long as the test wants.
    fn hold(i: diesel::sql_types::BigInt) -> diesel::sql_types::BigInt;
}

/// Waits for a condition, with a limit.
async fn becomes(mut is: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !is() {
        assert!(Instant::now() < limit, "it did not come to be in 10 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_file_that_is_renewed_under_a_transaction_ends_it_and_keeps_nothing() {
    let bench = bench(|repo| repo);
    let mut transaction = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    transaction.run(sql("INSERT INTO t (name) VALUES ('before')"), terms().deadline).await.unwrap();
    bench.writer.renew();
    let after = transaction.run(sql("INSERT INTO t (name) VALUES ('after')"), terms().deadline).await;
    assert!(matches!(after, Err(Error::NotExecuted(_))), "{after:?}");
    drop(transaction);
    bench.writer.write(insert("next"), terms()).await.unwrap();
    assert_eq!(bench.names(), ["next"]);
}

#[tokio::test]
async fn an_idle_transaction_lets_go_of_the_file_when_the_role_is_lost() {
    let minute = Duration::from_secs(60);
    let bench = bench(|repo| repo.transaction_idle(minute).transaction_total(minute));
    let _transaction = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let mut other = bench.direct();
    assert!(other.batch_execute("BEGIN IMMEDIATE").is_err());
    bench.role.epoch.store(0, Ordering::SeqCst);
    becomes(|| other.batch_execute("BEGIN IMMEDIATE").is_ok()).await;
}

#[tokio::test]
async fn one_that_waits_for_a_lock_until_its_deadline_has_not_run() {
    let bench = bench(|repo| repo.busy_timeout(Duration::from_secs(2)));
    let mut other = bench.direct();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let soon = || Terms { deadline: Instant::now() + Duration::from_millis(200), ack: Ack::Visible };
    let written = bench.writer.write(insert("late"), soon()).await;
    assert!(matches!(written, Err(Error::NotExecuted(NotExecuted::Expired))), "{written:?}");
    let next = bench.writer.write(insert("next"), terms());
    other.batch_execute("COMMIT").unwrap();
    next.await.unwrap();
    assert_eq!(bench.names(), ["next"]);

    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let begun = bench.writer.begin(Begin::Immediate, Session::default(), soon()).await.map(drop);
    assert!(matches!(begun, Err(Error::NotExecuted(NotExecuted::Expired))), "{begun:?}");
}

#[tokio::test]
async fn a_statement_of_a_transaction_that_takes_too_long_has_left_nothing() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(std::sync::Mutex::new(held));
    let on_open = move |conn: &mut SqliteConnection| {
        let held = held.clone();
        // Until the test lets go of its end.
        hold_utils::register_nondeterministic_impl(conn, move |i: i64| {
            let _ = held.lock().unwrap().recv();
            i
        })
    };
    let bench = bench_with(false, |repo| repo, on_open, Fake::new());
    let mut transaction = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let long = "INSERT INTO t (name) VALUES ('x' || hold(1))";
    let ran = transaction.run(sql(long), Instant::now() + Duration::from_secs(1)).await;
    assert!(matches!(ran, Err(Error::NotExecuted(NotExecuted::TransactionEnded(_)))), "{ran:?}");
    drop((transaction, release));
    bench.writer.write(insert("next"), terms()).await.unwrap();
    assert_eq!(bench.names(), ["next"]);
}

#[tokio::test]
async fn a_statement_that_finds_the_node_demoted_is_not_executed_and_nobodys_rejection() {
    let bench = bench_on(true, |repo| repo);
    // What a rollback-mode database says on a replica before the role is heard of.
    bench.change(
        "CREATE TRIGGER demoted BEFORE INSERT ON t WHEN NEW.name = 'a' \
         BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END",
    );
    let demoted = insert("a");
    let refused = bench.writer.write(demoted, terms()).await;
    assert!(matches!(refused, Err(Error::NotExecuted(NotExecuted::NotPrimary))), "{refused:?}");
    bench.writer.write(insert("next"), terms()).await.unwrap();
    assert_eq!(bench.names(), ["next"]);
}

#[tokio::test]
async fn only_what_shrinks_a_large_database_is_refused_under_litefs() {
    let bench = bench_on(true, |repo| repo);
    let large = request(&["INSERT INTO t (name) VALUES (zeroblob(4096 * 300))"]);
    bench.writer.write(large, terms()).await.unwrap();
    let harmless = Write { alone: true, ..request(&["PRAGMA wal_checkpoint(TRUNCATE)"]) };
    bench.writer.write(harmless, terms()).await.unwrap();
    let (_, why) = rejected(bench.writer.write(Write { alone: true, ..request(&["VACUUM"]) }, terms()).await);
    assert!(why.contains("VACUUM INTO"), "{why}");
}
