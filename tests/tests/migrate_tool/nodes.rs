//! Two nodes: before there is an application, and from any node beside running ones.

use std::fs;
use std::time::{Duration, Instant};

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::contract::{Ran, Site, Tool};

const APP: &str = env!("CARGO_BIN_EXE_app_node");
const TOOL: &str = env!("CARGO_BIN_EXE_migrate");

fn number(app: &AppProcess, sql: &str) -> i64 {
    app.call("number", format!("SELECT ({sql}) AS n")).unwrap()
}

/// Runs it on both nodes at the same moment.
fn on_both(tool: &Tool, args: &[&str]) -> Vec<Ran> {
    let tools = [0, 1].map(|node| tool.spawn(node, args));
    tools.map(|tool| Ran::from(tool.wait_with_output().unwrap())).into()
}

/// One cluster: each part leaves it as the next needs it.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn the_tool_runs_each_migration_once_on_the_primary_from_any_node() {
    let site = Site::start(2, APP);
    let tool = Tool::new(&site, TOOL);
    before_there_is_an_application(&site, &tool);
    let apps = an_application_that_comes_is_waited_for(&site, &tool);
    from_both_at_once(&apps, &tool);
    a_failure_is_told_in_the_same_words(&apps, &tool);
    back_and_forth_from_the_replica(&apps, &tool);
    the_ledger_is_not_a_migrations_to_change(&apps, &tool);
    what_cannot_travel_runs_on_the_primary(&tool);
    reading_needs_no_primary(&site, &tool);
    without_litefs_in_the_settings(&site, &tool);
    // Neither the tool nor its node kept anything open: LiteFS can stop.
    drop(apps);
    assert!(site.cluster.stop_litefs(1).unwrap() && site.cluster.stop_litefs(0).unwrap());
}

fn before_there_is_an_application(site: &Site, tool: &Tool) {
    tool.migration("1_a", "CREATE TABLE a (x);", "DROP TABLE a;");
    // Reading makes no database, on neither.
    for node in [0, 1] {
        assert_eq!(tool.run(node, &["list"]).ok(), "Migrations:\n  [ ] 1_a\n");
        assert!(!site.database(node, "app.db").exists());
    }
    // As a step before the application starts: it makes the database, and two at once run it once.
    let tools = [0, 0].map(|node| tool.spawn(node, &["run"]));
    let ran = tools.map(|tool| Ran::from(tool.wait_with_output().unwrap()).ok());
    assert_eq!(ran.iter().flat_map(|out| out.lines()).count(), 1, "{ran:?}");
    // On the replica nothing is pending, and that needs nobody.
    site.wait_replicated();
    assert_eq!(tool.run(1, &["run"]).ok(), "");
    // With something pending and no application on the primary: who, where, why, and what to do.
    tool.migration("2_b", "CREATE TABLE b (x);", "DROP TABLE b;");
    let before = site.cluster.position(0, "app.db").unwrap();
    let begun = Instant::now();
    let ran = tool.run(1, &["run", "--timeout", "1s"]);
    let said = ran.failed(1);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{said}");
    for words in ["primary, node-0", &site.address(0), "refused", "for 1s", "start it", "--timeout"] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
    assert_eq!(tool.run(0, &["run", "--dry-run"]).ok(), "Would run migration 2_b\n");
    assert_eq!(tool.run(1, &["run", "--dry-run"]).ok(), "Would run migration 2_b\n");
    assert_eq!(site.cluster.position(0, "app.db").unwrap(), before, "nothing was written");
}

fn an_application_that_comes_is_waited_for(site: &Site, tool: &Tool) -> Vec<AppProcess> {
    let waiting = tool.spawn(1, &["run", "--timeout", "60s"]);
    let apps = site.apps();
    let ran = Ran::from(waiting.wait_with_output().unwrap());
    assert_eq!(ran.ok(), "Running migration 2_b\n");
    // It returned when this node could read it.
    assert_eq!(tool.run(1, &["pending", "--check"]).ok(), "false\n");
    assert_eq!(number(&apps[1], "SELECT count(*) FROM b"), 0);
    // And beside the application on the primary.
    tool.migration("3_c", "CREATE TABLE c (x);", "DROP TABLE c;");
    assert_eq!(tool.run(0, &["run"]).ok(), "Running migration 3_c\n");
    site.wait_replicated();
    apps
}

fn from_both_at_once(apps: &[AppProcess], tool: &Tool) {
    tool.migration("10_log", "CREATE TABLE log (x INTEGER NOT NULL);", "DROP TABLE log;");
    tool.migration("11_bare", "INSERT INTO log VALUES (11);", "");
    fs::write(tool.migrations().join("11_bare/metadata.toml"), "run_in_transaction = false").unwrap();
    for round in 0..10 {
        for version in [20 + 2 * round, 21 + 2 * round] {
            tool.migration(&format!("{version}_row"), &format!("INSERT INTO log VALUES ({version});"), "");
        }
        let ran = on_both(tool, &["run"]);
        let lines: Vec<_> =
            ran.into_iter().flat_map(|ran| ran.ok().lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        assert_eq!(lines.len(), if round == 0 { 4 } else { 2 }, "each is told by who ran it: {lines:?}");
    }
    assert_eq!(number(&apps[1], "SELECT count(*) FROM log"), 21);
    let unordered = "SELECT count(*) FROM log a JOIN log b ON a.rowid < b.rowid AND a.x >= b.x";
    assert_eq!(number(&apps[1], unordered), 0, "once, and in order");
}

fn a_failure_is_told_in_the_same_words(apps: &[AppProcess], tool: &Tool) {
    tool.migration("50_good", "CREATE TABLE good (x);", "DROP TABLE good;");
    tool.migration("51_bad", "CREATE TABLE bad (x);\nINSERT INTO nowhere VALUES (1);", "");
    let there = tool.run(1, &["run"]);
    let said = there.failed(1);
    let (asking, said) = said.split_once('\n').unwrap();
    assert!(asking.starts_with("Asking the primary to run this"), "{there:?}");
    // The folders of the settings differ.
    let said = said.replace("/1/..", "/0/..");
    for words in [
        "51_bad/up.sql, line 2",
        "no such table: nowhere",
        "rolled back",
        "kept is what ran before it: 50_good",
    ] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
    assert_eq!(there.out, "Running migration 50_good\nRunning migration 51_bad\n");
    assert_eq!(number(&apps[1], "SELECT count(*) FROM sqlite_master WHERE name IN ('good', 'bad')"), 1);
    assert_eq!(tool.run(1, &["revert"]).ok(), "Rolling back migration 50_good\n");
    apps[0].call::<Option<i64>>("number", "SELECT 1 AS n").unwrap();
    let here = tool.run(0, &["run"]);
    assert_eq!((here.failed(1), &here.out), (said.as_str(), &there.out));
    tool.remove("51_bad");
}

fn back_and_forth_from_the_replica(apps: &[AppProcess], tool: &Tool) {
    let redone = tool.run(1, &["redo", "--log-migrations-sql"]).ok();
    let lines = "Rolling back migration 50_good\nDROP TABLE good;\nRunning migration 50_good\nCREATE TABLE good (x);\n";
    assert_eq!(redone, lines);
    let value = tool.json(1, &["revert"]);
    assert_eq!(value["done"][0]["action"], "revert", "{value}");
    assert_eq!(number(&apps[1], "SELECT count(*) FROM sqlite_master WHERE name = 'good'"), 0);
    assert_eq!(tool.run(1, &["run"]).ok(), "Running migration 50_good\n");
}

/// Neither in the writer of the primary, which a replica asks, nor in the tool itself there.
fn the_ledger_is_not_a_migrations_to_change(apps: &[AppProcess], tool: &Tool) {
    // The first write makes it.
    apps[1].call::<usize>("execute", "UPDATE log SET x = x").unwrap();
    for sql in [
        "DELETE FROM __litefs_diesel_writes;",
        "CREATE TRIGGER evil AFTER INSERT ON log BEGIN DELETE FROM __litefs_diesel_writes; END;",
        // Its words name nothing of the ledger's; only the schema tells, once it ran.
        "CREATE TRIGGER evil AFTER INSERT ON log BEGIN DELETE FROM sqlite_schema; END;",
    ] {
        tool.migration("55_evil", &format!("CREATE TABLE evils (x);\n{sql}"), "");
        for node in [1, 0] {
            let ran = tool.run(node, &["run"]);
            let said = ran.failed(1);
            for words in ["55_evil/up.sql, line 2", "what the library keeps for itself", "was rolled back"] {
                assert!(said.contains(words), "{words:?} is missing in {said}");
            }
        }
        assert_eq!(number(&apps[1], "SELECT count(*) FROM sqlite_master WHERE name LIKE 'evil%'"), 0);
    }
    tool.remove("55_evil");
}

/// A frame has a limit.
fn what_cannot_travel_runs_on_the_primary(tool: &Tool) {
    tool.migration("56_large", &format!("-- {}\nCREATE TABLE large (x);", "x".repeat(64 << 20)), "");
    let ran = tool.run(1, &["run"]);
    let said = ran.failed(1);
    for words in ["nothing was run", "one request", "`-n`", "on the primary"] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
    assert_eq!(tool.run(0, &["run"]).ok(), "Running migration 56_large\n");
    tool.migration("56_large", "SELECT 1;", "DROP TABLE large;");
}

fn reading_needs_no_primary(site: &Site, tool: &Tool) {
    site.wait_replicated();
    site.cluster.pause(0).unwrap();
    let list = tool.run(1, &["list"]).ok();
    site.cluster.resume(0).unwrap();
    assert!(list.starts_with("Migrations:\n  [X] 1_a\n") && !list.contains("[ ]"), "{list}");
}

/// Whoever leaves it out is told, before anything is written.
fn without_litefs_in_the_settings(site: &Site, tool: &Tool) {
    let settings = fs::read_to_string(tool.settings(0)).unwrap();
    let database = site.database(0, "app.db").display().to_string();
    fs::write(tool.settings(0), format!("[repo.Repo]\ndatabase = {database:?}\npriv = '..'\n")).unwrap();
    tool.migration("60_d", "CREATE TABLE d (x);", "");
    let ran = tool.run(0, &["run"]);
    assert!(ran.failed(1).contains("[litefs]"), "{ran:?}");
    fs::write(tool.settings(0), settings).unwrap();
}
