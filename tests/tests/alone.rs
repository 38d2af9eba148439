//! A node that is alone: without a ledger of its writes' ids, and with a database of a test's own.
#![allow(missing_docs, reason = "a test is no library")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{Connection, InstrumentationEvent};
use litefs_diesel::{Config, Error, litefs_repo};

#[litefs_repo]
struct Repo;

/// The application's own code in the writer panics where a commit begins.
#[tokio::test]
async fn a_write_of_which_nobody_can_ever_tell_whether_it_ran_is_unknown_at_once() {
    let panics = Arc::new(AtomicBool::new(false));
    let armed = Arc::clone(&panics);
    let config = Config::temporary().timeout(Duration::from_secs(60)).on_open(move |conn| {
        let armed = Arc::clone(&armed);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event
                && query.to_string() == "COMMIT"
                && armed.swap(false, Ordering::SeqCst)
            {
                panic!("the application's instrumentation");
            }
        });
        Ok(())
    });
    let repo = Repo::start(config).await.unwrap();
    repo.execute(diesel::sql_query("CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL)")).await.unwrap();
    panics.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let unknown = repo.execute(diesel::sql_query("INSERT INTO t VALUES (1)")).await;
    let Err(Error::Unknown { why }) = &unknown else { panic!("{unknown:?}") };
    assert!(why.contains("no ledger"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(20), "it asked again until its deadline");
    // Under a key it can be asked again.
    panics.store(true, Ordering::SeqCst);
    let insert = || diesel::sql_query("INSERT INTO t VALUES (2)");
    assert_eq!(repo.execute(insert()).idempotency_key("two").await.unwrap(), 1);
    assert_eq!(repo.execute(insert()).idempotency_key("two").await.unwrap(), 1);
    repo.shutdown().await.unwrap();
}

#[derive(diesel::QueryableByName)]
struct Place {
    #[diesel(sql_type = diesel::sql_types::Text)]
    file: String,
}

/// A test or an example that ends so leaves nothing behind.
#[tokio::test]
async fn a_temporary_database_is_gone_when_its_last_handle_is_dropped_without_a_shutdown() {
    let repo = Repo::start(Config::temporary()).await.unwrap();
    repo.execute(diesel::sql_query("CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL)")).await.unwrap();
    let lent = repo.run(|conn| Ok::<_, Error>(conn.ack())).await;
    lent.unwrap();
    let query = diesel::sql_query("SELECT file FROM pragma_database_list WHERE name = 'main'");
    let place: Place = repo.one(query).required().await.unwrap();
    let folder = std::path::Path::new(&place.file).parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(repo);
    assert!(!folder.exists(), "{}", folder.display());
}
