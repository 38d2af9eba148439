//! An application's own migrations on a real LiteFS: from every node at once, once each.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::cluster::Lease;
use litefs_diesel_tests::contract::{Site, wait_role};
use litefs_diesel_tests::wait::PATIENCE;
use serde_json::Value;

const APP: &str = env!("CARGO_BIN_EXE_app_node");

fn write(folder: &Path, version: usize, sql: &str) {
    let migration = folder.join(format!("{version:04}_name"));
    fs::create_dir_all(&migration).unwrap();
    fs::write(migration.join("up.sql"), sql).unwrap();
}

fn number(app: &AppProcess, sql: &str) -> i64 {
    app.call::<Option<i64>>("number", sql).unwrap().unwrap()
}

/// Each of them at once; what each was told.
fn at_once(apps: &[AppProcess], command: &str, folder: &Path) -> Vec<Vec<String>> {
    std::thread::scope(|scope| {
        let calls: Vec<_> = apps.iter().map(|app| scope.spawn(|| app.call(command, folder))).collect();
        calls.into_iter().map(|call| call.join().unwrap().unwrap()).collect()
    })
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn every_node_migrates_at_once_under_load_and_each_migration_runs_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let site = Site::start(2, APP);
    let apps = site.apps();
    write(
        folder,
        0,
        "CREATE TABLE log (id INTEGER PRIMARY KEY, version INTEGER NOT NULL); CREATE TABLE load (a);",
    );
    // Looking makes nothing, on the replica least of all.
    assert_eq!(apps[1].call::<Vec<String>>("pending_migrations", folder).unwrap(), ["0000"]);
    assert_eq!(
        number(&apps[0], "SELECT count(*) AS n FROM sqlite_master WHERE name LIKE '%schema_migrations'"),
        0
    );
    at_once(&apps, "migrate", folder);

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (stop, apps) = (&stop, &apps);
        let load = apps.iter().map(|app| {
            scope.spawn(move || {
                let mut writes = 0_i64;
                while !stop.load(Ordering::Relaxed) {
                    app.call::<usize>("execute", "INSERT INTO load (a) VALUES (1)").unwrap();
                    number(app, "SELECT count(*) AS n FROM load");
                    writes += 1;
                }
                writes
            })
        });
        let load: Vec<_> = load.collect();
        for round in 1..=10 {
            // What the schema was at the last statement is not what it is at the next.
            write(
                folder,
                round,
                &format!("INSERT INTO log (version) VALUES ({round}); ALTER TABLE load ADD COLUMN c{round};"),
            );
            let command = if round % 2 == 0 { "migrate" } else { "migrate_with_diesel" };
            at_once(apps, command, folder);
            for app in apps {
                // The new schema can be read where it was asked for.
                assert_eq!(number(app, &format!("SELECT count(c{round}) + 1 AS n FROM load")), 1);
                assert_eq!(number(app, "SELECT count(*) AS n FROM log"), round as i64);
            }
        }
        stop.store(true, Ordering::Relaxed);
        let writes: i64 = load.into_iter().map(|load| load.join().unwrap()).sum();
        assert_eq!(number(&apps[0], "SELECT count(*) AS n FROM load"), writes);
    });

    // One that fails says so on the replica, and what came before it is kept and seen there.
    write(folder, 11, "INSERT INTO log (version) VALUES (11);");
    write(folder, 12, "SELECT 1;\nINSERT INTO nowhere VALUES (1);");
    let error = apps[1].call::<Value>("migrate", folder).unwrap_err().to_string();
    assert!(error.contains("line 2: no such table: nowhere") && error.contains("0011_name"), "{error}");
    assert_eq!(number(&apps[1], "SELECT count(*) AS n FROM log"), 11);
    let error = apps[1].call::<Value>("migrate_with_diesel", folder).unwrap_err().to_string();
    assert!(error.contains("no such table: nowhere"), "{error}");
    // Nothing pending here asks nobody.
    fs::remove_dir_all(folder.join("0012_name")).unwrap();
    apps[0].stop().unwrap();
    assert!(apps[1].call::<Vec<String>>("migrate", folder).unwrap().is_empty());
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_hand_off_in_the_middle_leaves_each_migration_applied_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let site = Site::start_with(2, Lease::consul(), APP);
    let apps = site.apps();
    apps.iter().zip(["primary", "replica"]).for_each(|(app, role)| wait_role(app, role));
    write(folder, 0, "CREATE TABLE log (id INTEGER PRIMARY KEY, version INTEGER NOT NULL);");
    at_once(&apps, "migrate", folder);
    for version in 1..=200 {
        write(folder, version, &format!("INSERT INTO log (version) VALUES ({version});"));
    }
    std::thread::scope(|scope| {
        let migrating = scope.spawn(|| apps[1].call_within::<Vec<String>>(PATIENCE * 2, "migrate", folder));
        let begun = Instant::now();
        while number(&apps[0], "SELECT count(*) AS n FROM log") < 20 && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
        site.cluster.promote(1).unwrap();
        assert_eq!(migrating.join().unwrap().unwrap().len(), 200);
    });
    // LiteFS itself may end on the node that gave the lease away; on the other there is nothing left.
    assert!(apps[1].call::<Vec<String>>("migrate", folder).unwrap().is_empty());
    assert_eq!(number(&apps[1], "SELECT count(*) AS n FROM log"), 200);
    assert_eq!(
        number(&apps[1], "SELECT count(*) AS n FROM log WHERE id != version"),
        0,
        "once each, and in order"
    );
}

#[test]
#[ignore = "measures: wants a release build and a quiet machine"]
#[expect(clippy::print_stderr, reason = "the figures are for people")]
fn measured_200_migrations_from_a_replica_are_one_request() {
    let site = Site::start(2, APP);
    let apps = site.apps();
    let millis = |app: &AppProcess, from: usize| {
        let folder = tempfile::tempdir().unwrap();
        (from..from + 200).for_each(|n| write(folder.path(), n, &format!("CREATE TABLE t{n} (a);")));
        let begun = Instant::now();
        app.call_within::<Vec<String>>(PATIENCE * 4, "migrate", folder.path()).unwrap();
        let answered = begun.elapsed().as_secs_f64() * 1e3;
        site.wait_replicated();
        (answered, begun.elapsed().as_secs_f64() * 1e3)
    };
    let ((replica, _), (primary, arrived)) = (millis(&apps[1], 1000), millis(&apps[0], 2000));
    eprintln!(
        "200 migrations: {replica:.0} ms from a replica, {primary:.0} ms on the primary and {arrived:.0} ms until \
         the replica had them"
    );
    // LiteFS's own time is the same, however they were asked for.
    assert!(replica < 1.3 * arrived, "{replica} ms from a replica, {arrived} ms on the primary");
}
