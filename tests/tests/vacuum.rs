//! `VACUUM` on a real LiteFS.

use litefs_diesel_tests::contract::Site;

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_vacuum_that_litefs_does_not_survive_is_refused_and_a_small_one_runs() {
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
    let error = execute("VACUUM").unwrap_err().to_string();
    assert!(error.contains("256 pages"), "{error}");
    // The database is not locked up.
    execute("INSERT INTO t VALUES (1)").unwrap();
    let count: Option<i64> = replica.call("number", "SELECT count(*) AS n FROM t").unwrap();
    assert_eq!(count, Some(1));
}
