//! Once: any number at once, and what is killed on the way.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;

use crate::package::{Package, number, ran};

#[test]
fn any_number_of_tools_at_once_run_each_migration_once() {
    let package = Package::new();
    package.migration("00_log", "CREATE TABLE log (x);", None);
    for n in 10..25 {
        package.migration(&format!("{n}_row"), &format!("INSERT INTO log VALUES ({n});"), None);
    }
    package.migration("30_bare", "INSERT INTO log VALUES (30);", None);
    package.write("priv/repo/migrations/30_bare/metadata.toml", "run_in_transaction = false");
    let tools: Vec<_> = (0..6).map(|_| package.spawn(&["run"])).collect();
    let outputs: Vec<_> = tools.into_iter().map(|tool| ran(tool.wait_with_output().unwrap()).ok()).collect();
    let lines = outputs.iter().flat_map(|out| out.lines()).count();
    assert_eq!(lines, 17, "{outputs:?}");
    assert_eq!(package.number("SELECT count(*) FROM log"), 16);
    let unordered = "SELECT count(*) FROM log a JOIN log b ON a.rowid < b.rowid AND a.x >= b.x";
    assert_eq!(package.number(unordered), 0);
}

#[test]
fn a_locked_database_is_waited_for_and_then_said() {
    let package = Package::with_tables(&["1_a", "2_b"]);
    package.run(&["run", "-n", "1"]).ok();
    let mut other = package.connect("app.db");
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let started = Instant::now();
    let error = package
        .run(&["run", "--timeout", "300ms"])
        .failed(1, &["database is locked", "another process", "Nothing was run"]);
    assert!(started.elapsed() >= Duration::from_millis(300), "{error}");
    // And one that waits goes on as soon as it can.
    let tool = package.spawn(&["run", "--timeout", "60s"]);
    other.batch_execute("COMMIT").unwrap();
    ran(tool.wait_with_output().unwrap()).ok();
    assert!(package.has("b"));
}

#[test]
fn a_tool_that_is_interrupted_in_a_migration_leaves_nothing_of_it() {
    let package = Package::with_tables(&["1_a"]);
    package.run(&["run"]).ok();
    // Busy until it is killed: no limit, so that no machine is fast enough.
    let endless = "CREATE TABLE b (x);\nINSERT INTO b VALUES (1);\nINSERT INTO b WITH RECURSIVE n(i) AS (SELECT 1 \
                   UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;";
    package.migration("2_b", endless, None);
    let tool = package.spawn(&["run"]);
    let mut other = package.connect("app.db");
    let deadline = Instant::now() + Duration::from_secs(30);
    while other.batch_execute("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
        assert!(Instant::now() < deadline, "the migration did not begin");
        std::thread::yield_now();
    }
    interrupt(&tool);
    let ran = ran(tool.wait_with_output().unwrap());
    assert_ne!(ran.code, 0);
    assert_eq!(number(&mut other, "SELECT count(*) FROM sqlite_master WHERE name = 'b'"), 0);
    package.migration("2_b", "CREATE TABLE b (x);", None);
    package.run(&["run"]).ok();
    assert!(package.has("b"));
}

/// What Ctrl-C sends. A test runner that was started in the background ignores it, and so do its
/// children: then what a supervisor sends, which ends a process in the same way.
fn interrupt(tool: &std::process::Child) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", tool.id())).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    let ignores_int = u64::from_str_radix(ignored, 16).unwrap() & 1 << (2 - 1) != 0;
    let signal = if ignores_int { rustix::process::Signal::TERM } else { rustix::process::Signal::INT };
    let pid = rustix::process::Pid::from_child(tool);
    rustix::process::kill_process(pid, signal).unwrap();
}
