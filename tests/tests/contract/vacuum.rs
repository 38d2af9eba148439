//! `VACUUM` on a real LiteFS.

use diesel::connection::{Connection, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use litefs_diesel_tests::contract::{NodeSettings, Site};

/// A commit after which the database has fewer blocks of 256 pages: what LiteFS makes of it is in
/// `litefs_faults`.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_17_a_vacuum_that_litefs_does_not_survive_is_refused_and_a_small_one_runs() {
    let site = Site::start(2, env!("CARGO_BIN_EXE_app_node"));
    let apps = site.apps();
    let replica = &apps[1];
    let execute = |sql: &str| replica.call::<usize>("execute", sql);
    execute("CREATE TABLE t (a)").unwrap();
    execute("INSERT INTO t VALUES (zeroblob(400000))").unwrap();
    execute("DELETE FROM t").unwrap();
    execute("VACUUM").unwrap();

    execute("INSERT INTO t VALUES (zeroblob(2000000))").unwrap();
    execute("DELETE FROM t").unwrap();
    for app in &apps {
        for sql in ["VACUUM", "PRAGMA incremental_vacuum(1)"] {
            let error = app.call::<usize>("execute", sql).unwrap_err().to_string();
            assert!(error.contains("256 pages"), "{error}");
        }
    }
    // LiteFS lives on, and the database is not locked up.
    for app in &apps {
        app.call::<usize>("execute", "INSERT INTO t VALUES (1)").unwrap();
    }
    site.wait_replicated();
    let count: Option<i64> = replica.call("number", "SELECT count(*) AS n FROM t").unwrap();
    assert_eq!(count, Some(2));
    for node in 0..2 {
        let log = site.cluster.log(node);
        assert!(!site.cluster.has_ended(node) && !log.contains("panic"), "node {node}: {log}");
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_database_that_shrinks_by_itself_is_refused_in_wal_mode() {
    let site = Site::start(1, env!("CARGO_BIN_EXE_app_node"));
    let mut conn = SqliteConnection::establish(&site.database(0, "app.db").to_string_lossy()).unwrap();
    conn.batch_execute("PRAGMA auto_vacuum = FULL; CREATE TABLE t (a)").unwrap();
    drop(conn);
    let error = site.app(site.settings(0)).map(drop).unwrap_err().to_string();
    assert!(error.contains("auto_vacuum") && error.contains("repo.Repo.journal_mode"), "{error}");

    // With a rollback journal LiteFS takes it.
    let app = site.app(NodeSettings { journal_mode: Some("delete".into()), ..site.settings(0) }).unwrap();
    for sql in ["INSERT INTO t VALUES (zeroblob(3000000))", "DELETE FROM t"] {
        app.call::<usize>("execute", sql).unwrap();
    }
    let pages: Option<i64> = app.call("number", "SELECT page_count AS n FROM pragma_page_count").unwrap();
    assert!(pages < Some(100), "{pages:?}");
}
