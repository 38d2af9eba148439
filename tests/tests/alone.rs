//! A node that is alone, and so without a ledger of its writes' ids.
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
