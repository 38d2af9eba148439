//! Migrations when the primary goes in the middle of one, on a real LiteFS of two nodes.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::cluster::Lease;
use litefs_diesel_tests::contract::{Ran, Site, Tool, wait_role};
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");
const TOOL: &str = env!("CARGO_BIN_EXE_migrate");

/// Long enough to be killed in, even on a fast machine.
const SLOW: &str = "INSERT INTO log WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4000000) \
                    SELECT 2 FROM n WHERE i = 4000000;";

fn rows(app: &AppProcess) -> i64 {
    app.call("number", "SELECT count(*) AS n FROM log").unwrap()
}

/// Returns when a migration is under way on the primary.
fn wait_for_a_migration(site: &Site) {
    let mut conn = SqliteConnection::establish(&site.database(0, "app.db").display().to_string()).unwrap();
    let mut busy = 0;
    // More than the few looks for which a commit takes.
    let looked = wait::until(PATIENCE, || {
        busy = if conn.batch_execute("BEGIN IMMEDIATE; ROLLBACK").is_ok() { 0 } else { busy + 1 };
        if busy > 20 { Ok(()) } else { Err("it did not begin") }
    });
    looked.unwrap();
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_primary_that_is_killed_in_a_migration_leaves_it_to_the_next_and_nothing_runs_twice() {
    let site = Site::start(2, APP);
    let tool = Tool::new(&site, TOOL);
    let apps = site.apps();
    tool.migration("0_log", "CREATE TABLE log (x INTEGER NOT NULL);", "");
    let _ = tool.run(1, &["run"]).ok();

    // What only applies is asked again until it is known that it is done.
    tool.migration("1_row", "INSERT INTO log VALUES (1);", "DELETE FROM log WHERE x = 1;");
    tool.migration("2_slow", SLOW, &SLOW.replace("SELECT 2 FROM", "SELECT 20 FROM"));
    tool.migration("3_row", "INSERT INTO log VALUES (3);", "DELETE FROM log WHERE x = 3;");
    let running = tool.spawn(1, &["run", "--timeout", "120s"]);
    wait_for_a_migration(&site);
    apps[0].kill().unwrap();
    apps[0].start_again().unwrap();
    let ran = Ran::from(running.wait_with_output().unwrap());
    assert!(ran.ok().contains("Running migration 3_row"));
    assert_eq!(rows(&apps[1]), 3, "each once");

    // With nobody there until the deadline it says that it does not know; the next run does the rest.
    tool.migration("4_slow", SLOW, "");
    let running = tool.spawn(1, &["run", "--timeout", "10s"]);
    wait_for_a_migration(&site);
    apps[0].kill().unwrap();
    let ran = Ran::from(running.wait_with_output().unwrap());
    let said = ran.failed(1);
    assert!(said.contains("not known") && said.contains("litefs-migrate list"), "{said}");
    apps[0].start_again().unwrap();
    assert_eq!(tool.run(1, &["run", "--timeout", "120s"]).ok(), "Running migration 4_slow\n");
    assert_eq!(rows(&apps[1]), 4);

    // What reverts is not asked twice.
    tool.remove("4_slow");
    tool.migration("4_slow", "SELECT 1;", SLOW);
    let running = tool.spawn(1, &["revert", "--timeout", "120s"]);
    wait_for_a_migration(&site);
    apps[0].kill().unwrap();
    let ran = Ran::from(running.wait_with_output().unwrap());
    let said = ran.failed(1);
    assert!(said.contains("not known") && said.contains("litefs-migrate list"), "{said}");
    apps[0].start_again().unwrap();
    assert!(tool.run(1, &["list"]).ok().contains("[X] 4_slow"), "it was rolled back, and list says so");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn readers_and_writers_of_the_old_columns_see_nothing_of_migrations() {
    let site = Site::start(2, APP);
    let tool = Tool::new(&site, TOOL);
    let apps = site.apps();
    tool.migration("0_marks", &format!("{};", litefs_diesel_tests::contract::MARKS), "DROP TABLE marks;");
    let _ = tool.run(1, &["run"]).ok();
    let rebuild = "PRAGMA foreign_keys = OFF;\nCREATE TABLE new_marks (id INTEGER PRIMARY KEY, caller INTEGER NOT NULL, \
                   number INTEGER NOT NULL, note TEXT, more TEXT NOT NULL DEFAULT '');\n\
                   INSERT INTO new_marks (id, caller, number, note) SELECT id, caller, number, note FROM marks;\n\
                   DROP TABLE marks;\nALTER TABLE new_marks RENAME TO marks;\n\
                   CREATE INDEX marks_by_number ON marks (number);\n";
    std::thread::scope(|scope| {
        let mut load = Vec::new();
        for app in &apps {
            load.push(
                scope.spawn(|| {
                    app.call_within::<serde_json::Value>(3 * PATIENCE, "callers", (3, 60)).map(drop)
                }),
            );
            load.push(
                scope.spawn(|| app.call_within::<serde_json::Value>(3 * PATIENCE, "read_back", 60).map(drop)),
            );
        }
        tool.migration("1_column", "ALTER TABLE marks ADD COLUMN note TEXT;", "");
        let _ = tool.run(1, &["run"]).ok();
        tool.migration("2_index", "CREATE INDEX marks_by_caller ON marks (caller);", "");
        tool.migration("3_rebuild", rebuild, "");
        let _ = tool.run(0, &["run"]).ok();
        tool.migration("4_column", "ALTER TABLE marks DROP COLUMN note;\nCREATE TABLE other (x);", "");
        let _ = tool.run(1, &["run"]).ok();
        let under_load = load.iter().filter(|caller| !caller.is_finished()).count();
        assert!(under_load > 0, "the load ended before the migrations did");
        for caller in load {
            caller.join().unwrap().unwrap();
        }
    });
    for app in &apps {
        let kept: i64 = app.call("number", "SELECT count(*) AS n FROM marks WHERE more = ''").unwrap();
        assert_eq!(kept, 2 * (3 + 1) * 60, "no write is lost in a table that is rebuilt");
    }
}

/// Many that write down in which order they ran.
fn many(tool: &Tool) {
    for version in 1..=200 {
        tool.migration(&format!("{version:04}_row"), &format!("INSERT INTO log VALUES ({version});"), "");
    }
}

fn wait_for_rows(app: &AppProcess, some: i64) {
    wait::until(PATIENCE, || match rows(app) {
        now if now >= some => Ok(()),
        now => Err(format!("{now} ran")),
    })
    .unwrap();
}

fn assert_once_and_in_order(app: &AppProcess) {
    assert_eq!(rows(app), 200);
    let elsewhere: i64 = app.call("number", "SELECT count(*) AS n FROM log WHERE rowid != x").unwrap();
    assert_eq!(elsewhere, 0);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_primary_that_loses_its_role_stops_the_tool_on_it_and_running_again_does_the_rest() {
    let site = Site::start_with(2, Lease::consul(), APP);
    let tool = Tool::new(&site, TOOL);
    let apps = site.apps();
    tool.migration("0000_log", "CREATE TABLE log (x INTEGER NOT NULL);", "");
    let _ = tool.run(0, &["run"]).ok();
    many(&tool);
    let running = tool.spawn(0, &["run"]);
    wait_for_rows(&apps[0], 20);
    site.cluster.promote(1).unwrap();
    let ran = Ran::from(running.wait_with_output().unwrap());
    let said = ran.failed(1);
    let words = ["not known", "nothing was run", "primary no more", "the primary changed"];
    assert!(words.iter().any(|words| said.contains(words)), "{said}");
    // LiteFS itself may end on the node that gave the lease away; the other goes on.
    wait_role(&apps[1], "primary");
    assert!(rows(&apps[1]) < 200, "it was over too soon");
    let _ = tool.run(1, &["run"]).ok();
    assert_once_and_in_order(&apps[1]);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_replica_that_becomes_primary_while_its_tool_waits_runs_the_rest_itself() {
    let site = Site::start_with(2, Lease::consul(), APP);
    let tool = Tool::new(&site, TOOL);
    let apps = site.apps();
    tool.migration("0000_log", "CREATE TABLE log (x INTEGER NOT NULL);", "");
    let _ = tool.run(1, &["run"]).ok();
    many(&tool);
    let running = tool.spawn(1, &["run", "--timeout", "120s"]);
    wait_for_rows(&apps[1], 20);
    apps[0].kill().unwrap();
    site.cluster.kill_litefs(0).unwrap();
    let out = Ran::from(running.wait_with_output().unwrap()).ok();
    assert!(out.contains("Running migration 0200_row"), "{out}");
    wait_role(&apps[1], "primary");
    assert_once_and_in_order(&apps[1]);
}
