//! A role, a file or a lock that goes away under a write.

use diesel::prelude::*;

use super::*;
use crate::request::{Reply, Stamp};

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

/// A database whose statements, of a row of that name, say what SQLite says of a file that is gone.
fn bench_gone() -> Bench {
    let bench = bench_on(true, |repo| repo);
    for (name, words) in GONE_WORDS {
        bench.change(&format!(
            "CREATE TRIGGER \"{name}\" BEFORE INSERT ON t WHEN NEW.name = '{name}' \
             BEGIN SELECT RAISE(ABORT, '{words}'); END"
        ));
    }
    bench
}

const GONE_WORDS: [(&str, &str); 3] =
    [("io", "disk I/O error"), ("open", "unable to open database file"), ("protocol", "locking protocol")];

#[tokio::test]
async fn a_statement_that_finds_the_file_gone_is_left_for_the_next_primary() {
    let bench = bench_gone();
    bench.writer.register().await;
    for (name, words) in GONE_WORDS {
        // By itself; and once an attempt before it may still come, which it must not keep from running.
        for again in [false, true] {
            let stamp = Stamp { again, ..bench.writer.stamp() };
            let refused = bench.writer.run(stamp, insert(name)).await;
            assert!(matches!(&refused, Err(Refusal::Unavailable(why)) if why.contains(words)), "{refused:?}");
            assert!(bench.writer.run(Stamp { again: true, ..stamp }, insert("x")).await.is_ok(), "{name}");
            bench.change("DELETE FROM t");
        }
    }
    let alone = bench_on(false, |repo| repo);
    alone.change("CREATE TRIGGER io BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END");
    assert_eq!(rejected(alone.writer.write(insert("a"), terms()).await).1, "disk I/O error");
}

/// A procedure's own error is final, and entered so that no other attempt runs. Not one over a node that
/// cannot write now, whatever the procedure makes of it.
#[tokio::test]
async fn a_procedure_that_makes_an_error_of_its_own_of_a_file_that_is_gone_is_left_for_the_next_primary() {
    use super::procedures::{Body, call, done, has, put};
    let bodies: [(&str, Body); 2] = [
        ("tells", |conn| put(conn, "io").map_or_else(|_| Ok(Reply::Err(vec![8])), |_| done())),
        ("panics", |conn| {
            assert!(put(conn, "io").is_ok(), "what an application says");
            done()
        }),
    ];
    for (name, body) in bodies {
        for again in [false, true] {
            let bench = bench_gone();
            bench.writer.register().await;
            has(&bench, name, body);
            let stamp = Stamp { again, ..bench.writer.stamp() };
            let refused = bench.writer.run(stamp, call(name)).await;
            let Err(Refusal::Unavailable(why)) = &refused else { panic!("{name}: {refused:?}") };
            assert!(why.contains("disk I/O error"), "{why}");
            bench.change("DROP TRIGGER io");
            let ran = bench.writer.run(Stamp { again: true, ..stamp }, call(name)).await.unwrap();
            assert_eq!(ran.reply, Some(Reply::Ok(vec![7])), "{name}");
        }
    }
}

#[tokio::test]
async fn what_a_procedure_itself_holds_locked_is_its_own_affair() {
    use super::procedures::{Body, call, has, put};
    for replicated in [false, true] {
        let bench = bench_on(replicated, |repo| repo);
        bench.change(
            "CREATE TRIGGER locked BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'database table is locked'); END",
        );
        let own: Body =
            |conn| put(conn, "a").map_or_else(|_| Ok(Reply::Err(vec![8])), |_| Ok(Reply::Ok(vec![7])));
        has(&bench, "tells", own);
        bench.writer.register().await;
        let told = bench.writer.run(bench.writer.stamp(), call("tells")).await.unwrap();
        assert_eq!(told.reply, Some(Reply::Err(vec![8])), "{replicated}");
    }
}

#[tokio::test]
async fn a_statement_of_a_transaction_that_finds_the_node_demoted_or_the_file_gone_ends_it() {
    let bench = bench_gone();
    bench.change(
        "CREATE TRIGGER demoted BEFORE INSERT ON t WHEN NEW.name = 'demoted' \
         BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END",
    );
    for name in ["demoted", "io", "open", "protocol"] {
        let mut open = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
        open.run(sql("INSERT INTO t (name) VALUES ('before')"), terms().deadline).await.unwrap();
        let insert_it = format!("INSERT INTO t (name) VALUES ('{name}')");
        let ran = open.run(sql(&insert_it), terms().deadline).await;
        assert!(matches!(ran, Err(Error::NotExecuted(_))), "{name}: {ran:?}");
        let committed = open.commit(terms()).await;
        let Err(CommitFailure::Ended(error)) = committed else { panic!("{name} did not end it") };
        let is_ended = matches!(&error, Error::NotExecuted(NotExecuted::TransactionEnded(_)));
        assert!(is_ended && error.to_string().contains("could not go on"), "{error}");
        bench.writer.write(insert("next"), terms()).await.unwrap();
        assert_eq!(bench.names(), ["next"]);
        bench.change("DELETE FROM t");
    }
    // Where there is no LiteFS it is the database's own word, and the transaction goes on.
    let alone = bench_on(false, |repo| repo);
    alone.change("CREATE TRIGGER io BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END");
    let mut open = alone.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let step = open.run(sql("INSERT INTO t (name) VALUES ('a')"), terms().deadline).await.unwrap();
    assert!(step.open && step.result.is_err());
}

#[tokio::test]
async fn a_begin_that_finds_the_file_gone_is_left_for_the_next_primary() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.write(insert("a"), terms()).await.unwrap();
    // The first page is in the WAL, and then it is not.
    let mut direct = bench.patient();
    direct.batch_execute("CREATE TABLE other (id INTEGER)").unwrap();
    let wal = std::fs::OpenOptions::new().write(true).open(bench.file.path().join("t.db-wal")).unwrap();
    wal.set_len(32).unwrap();
    let refused = bench.writer.run(bench.writer.stamp(), insert("b")).await;
    assert!(
        matches!(&refused, Err(Refusal::Unavailable(why)) if why.contains("disk I/O error")),
        "{refused:?}"
    );
    let begun = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.map(drop);
    assert!(matches!(&begun, Err(Error::NotExecuted(_))), "{begun:?}");
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
