//! Migrations on three nodes: asked for by all that start at once, and waited for on every node.

use std::path::Path;
use std::thread;

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::contract::{NodeSettings, Ran, Site, Tool};

const APP: &str = env!("CARGO_BIN_EXE_app_node");
const TOOL: &str = env!("CARGO_BIN_EXE_migrate");

/// One cluster: each part leaves it as the next needs it.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn every_node_has_what_was_migrated_and_no_level_counts_the_tool() {
    let site = Site::start(3, APP);
    let tool = Tool::new(&site, TOOL);
    let apps = three_that_start_at_once_migrate_once(&site, &tool);
    three_that_run_diesels_own_harness_at_once(&apps, &tool);
    waiting_for_all_from_the_primary_and_from_a_replica(&tool);
    waiting_for_all_wants_to_know_who_all_are(&site, &tool);
    a_terminal_has_a_bar_instead_of_lines(&tool);
    levels_are_as_without_the_tool(&apps, &tool);
    who_is_down_is_named(&apps, &tool);
}

fn settings(site: &Site, node: usize, migrations: &Path) -> NodeSettings {
    NodeSettings { all_nodes: true, migrations: Some(migrations.to_owned()), ..site.settings(node) }
}

fn three_that_start_at_once_migrate_once(site: &Site, tool: &Tool) -> Vec<AppProcess> {
    tool.migration("1_log", "CREATE TABLE log (x INTEGER NOT NULL);", "DROP TABLE log;");
    for version in 2..8 {
        tool.migration(&format!("{version}_row"), &format!("INSERT INTO log VALUES ({version});"), "");
    }
    let apps: Vec<_> = thread::scope(|scope| {
        let start = |node| scope.spawn(move || site.app(settings(site, node, &tool.migrations())));
        let starting: Vec<_> = (0..3).map(start).collect();
        starting.into_iter().map(|app| app.join().unwrap().unwrap()).collect()
    });
    for app in &apps {
        assert_eq!(count(app), 6, "each has them when it has started");
    }
    apps
}

fn count(app: &AppProcess) -> i64 {
    app.call("number", "SELECT count(*) AS n FROM log").unwrap()
}

fn three_that_run_diesels_own_harness_at_once(apps: &[AppProcess], tool: &Tool) {
    for version in 10..15 {
        tool.migration(&format!("{version}_row"), &format!("INSERT INTO log VALUES ({version});"), "");
    }
    let folder = tool.migrations();
    thread::scope(|scope| {
        let all: Vec<_> = apps
            .iter()
            .map(|app| scope.spawn(|| app.call::<Vec<String>>("migrate_with_diesel", &folder)))
            .collect();
        for ran in all {
            ran.join().unwrap().unwrap();
        }
    });
    for app in apps {
        assert_eq!(count(app), 11);
    }
}

fn waiting_for_all_from_the_primary_and_from_a_replica(tool: &Tool) {
    for (node, version) in [(0, 20), (1, 21)] {
        let name = format!("{version}_row");
        tool.migration(&name, &format!("INSERT INTO log VALUES ({version});"), "");
        let out = tool.run(node, &["run", "--wait-all"]).ok();
        assert!(out.starts_with(&format!("Running migration {name}\n")), "{out}");
        for told in ["node-1 has it", "node-2 has it", "(2 of 2)"] {
            assert!(out.contains(told), "{told:?} is missing in {out}");
        }
        assert_eq!(tool.run(2, &["pending", "--check"]).ok(), "false\n");
        // With nothing to do it waits all the same.
        assert!(tool.run(node, &["run", "--wait-all"]).ok().contains("(2 of 2)"));
        assert_eq!(tool.run(node, &["run", "--wait-all", "--quiet"]).ok(), "");
        let value = tool.json(node, &["run", "--wait-all"]);
        assert_eq!(value["behind"].as_array().map(Vec::len), Some(0), "{value}");
    }
}

fn waiting_for_all_wants_to_know_who_all_are(site: &Site, tool: &Tool) {
    tool.set(1, &site.settings(1), false);
    tool.migration("30_row", "INSERT INTO log VALUES (30);", "");
    let ran = tool.run(1, &["run", "--wait-all"]);
    assert!(ran.failed(1).contains("nodes = ["), "{ran:?}");
    tool.set(1, &site.settings(1), true);
    assert_eq!(tool.run(1, &["pending"]).ok(), "true\n", "it was said before anything ran");
    let _ = tool.run(1, &["run", "--wait-all"]).ok();
}

fn a_terminal_has_a_bar_instead_of_lines(tool: &Tool) {
    tool.migration("35_row", "INSERT INTO log VALUES (35);", "");
    let shown = tool.on_a_terminal(1, "run --wait-all");
    for words in ["Running migration 35_row", "2/2 nodes", "every node has it"] {
        assert!(shown.contains(words), "{words:?} is missing in {shown:?}");
    }
    assert!(!shown.contains("has it (") && !shown.contains("Waiting for"), "{shown:?}");
}

/// While a tool runs on each node, and when it has ended.
fn levels_are_as_without_the_tool(apps: &[AppProcess], tool: &Tool) {
    let write = |app: &AppProcess, level: &str| {
        app.call::<usize>("write_at", ("INSERT INTO log VALUES (0)", level, 20_000)).unwrap();
    };
    let slow = "INSERT INTO log WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) \
                SELECT count(*) FROM n;";
    tool.migration("40_slow", slow, "");
    let running = [0, 1, 2].map(|node| tool.spawn(node, &["run", "--wait-all"]));
    for level in ["replicated(1)", "replicated(2)", "everywhere"] {
        apps.iter().for_each(|app| write(app, level));
    }
    for tool in running {
        let _ = Ran::from(tool.wait_with_output().unwrap()).ok();
    }
    apps.iter().for_each(|app| write(app, "everywhere"));
    let three = apps[0].call::<usize>("write_at", ("INSERT INTO log VALUES (0)", "replicated(3)", 2_000));
    assert!(three.is_err(), "there are two besides the primary");
}

fn who_is_down_is_named(apps: &[AppProcess], tool: &Tool) {
    apps[2].stop().unwrap();
    for (node, version) in [(0, 50), (1, 51)] {
        tool.migration(&format!("{version}_row"), &format!("INSERT INTO log VALUES ({version});"), "");
        let ran = tool.run(node, &["run", "--wait-all", "--timeout", "2s"]);
        let said = ran.failed(4);
        assert!(said.contains("done, but not yet on node-2") && !said.contains("node-1"), "{ran:?}");
        assert!(ran.out.contains("node-1 has it (1 of 2)"), "{ran:?}");
        assert_eq!(tool.run(node, &["pending"]).ok(), "false\n");
    }
    let value = tool.json(0, &["run", "--wait-all", "--timeout", "1s"]);
    assert_eq!(value["behind"][0], "node-2", "{value}");
    apps[2].start_again().unwrap();
    assert!(tool.run(0, &["run", "--wait-all"]).ok().contains("node-2 has it"));
}
