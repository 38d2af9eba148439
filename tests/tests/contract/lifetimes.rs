//! What a node opens it closes again, however it ends; what a process leaves open on the primary
//! does not stay; and what is logged tells no values.

use std::time::{Duration, Instant};

use litefs_diesel_tests::contract::{MARKS, Site};
use litefs_diesel_tests::wait::{self, PATIENCE};
use serde_json::Value;

const APP: &str = env!("CARGO_BIN_EXE_app_node");

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn two_repos_are_two_databases_behind_one_port_and_litefs_unmounts_after_shutdown_drop_and_sigterm() {
    let site = Site::start(2, APP);
    let with_two = |node| {
        let mut settings = site.settings(node);
        settings.databases.insert("AuditRepo".into(), site.database(node, "audit.db"));
        site.app(settings).unwrap()
    };
    let apps = [with_two(0), with_two(1)];
    let [primary, replica] = &apps;
    replica.call::<usize>("execute", MARKS).unwrap();
    replica.call::<()>("audit_execute", "CREATE TABLE audit (a); INSERT INTO audit VALUES (7), (8)").unwrap();
    for app in [replica, primary] {
        assert_eq!(
            app.call::<Option<i64>>("audit_number", "SELECT sum(a) AS n FROM audit").unwrap(),
            Some(15)
        );
        let error =
            app.call::<Option<i64>>("number", "SELECT sum(a) AS n FROM audit").unwrap_err().to_string();
        assert!(error.contains("no such table: audit"), "{error}");
    }

    // A node of this process that is dropped, and the one that is shut down.
    assert_eq!(replica.call::<i64>("second_node", ()).unwrap(), 1);
    replica.call::<()>("shutdown", ()).unwrap();
    let unmounted = wait::until(PATIENCE, || {
        // The dropped one closes its files without anybody waiting.
        let open = open_files(replica.pid().unwrap(), site.cluster.mount(1));
        if open.is_empty() { Ok(()) } else { Err(open) }
    });
    assert_eq!(unmounted, Ok(()), "left open");
    assert!(site.cluster.stop_litefs(1).unwrap(), "the process lives, and has nothing open");
    let later = replica.call::<usize>("execute", MARKS).unwrap_err().to_string();
    assert!(later.contains("not_executed") && later.contains("shutting down"), "{later}");

    primary.stop().unwrap();
    assert!(site.cluster.stop_litefs(0).unwrap(), "SIGTERM has closed all");
}

/// Which files below a folder a process has open.
fn open_files(pid: u32, folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let links = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
    links.filter(|link| link.starts_with(folder)).collect()
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_transaction_that_is_left_open_ends_by_its_idle_limit_or_with_its_process() {
    let site = Site::start(2, APP);
    let mut settings = site.settings(0);
    settings.transaction_idle_ms = 1_500;
    let primary = site.app(settings).unwrap();
    let replica = site.app(site.settings(1)).unwrap();
    replica.call::<usize>("execute", MARKS).unwrap();
    let marks = || primary.call::<Option<i64>>("number", "SELECT count(*) AS n FROM marks").unwrap();

    assert_eq!(replica.call::<usize>("idle_transaction", 0).unwrap(), 1);
    assert_eq!(marks(), Some(2));
    let error = replica.call::<usize>("idle_transaction", 2_500).unwrap_err().to_string();
    assert!(error.contains("not_executed") && error.contains("the transaction has ended"), "{error}");
    assert!(error.contains("idle"), "{error}");
    assert_eq!(marks(), Some(2), "nothing of it is kept");
    replica.call::<usize>("execute", "INSERT INTO marks (caller, number) VALUES (0, 0)").unwrap();
    drop((replica, primary));

    // Now with the usual limit of 5 s, which is not what frees the writer.
    let apps = site.apps();
    let [primary, replica] = &apps[..] else { panic!() };
    replica.call::<()>("hold_transaction", ()).unwrap();
    replica.kill().unwrap();
    let begun = Instant::now();
    primary.call::<usize>("execute", "INSERT INTO marks (caller, number) VALUES (0, 0)").unwrap();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "the writer was free again after {took:?}");
    let marks = primary.call::<Option<i64>>("number", "SELECT count(*) AS n FROM marks").unwrap();
    assert_eq!(marks, Some(4), "nothing of the killed one's transaction is kept");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn what_is_logged_has_the_statements_text_and_never_a_value() {
    const SECRET: &str = "zaphod-beeblebrox-4711";
    let site = Site::start(2, APP);
    let apps = [0, 1].map(|node| {
        let mut settings = site.settings(node);
        settings.log = Some("trace".into());
        site.app(settings).unwrap()
    });
    let [primary, replica] = &apps;
    replica
        .call::<usize>("execute", "CREATE TABLE secrets (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
        .unwrap();
    for app in [replica, primary] {
        app.call::<Value>("secret", SECRET).unwrap();
    }
    for app in &apps {
        let log = app.log();
        let line = log.lines().find(|line| line.contains(SECRET));
        assert_eq!(line, None);
        // As bytes, too, in whatever form a library may log its frames.
        let bytes = format!("{:?}", SECRET.as_bytes());
        let bytes = bytes.trim_matches(['[', ']']);
        assert!(!log.contains(bytes));
        assert!(log.contains("INSERT INTO `secrets`"));
    }
    for word in ["captured", "sending", "committed", "visible"] {
        assert!(replica.log().contains(word), "{word}");
    }
}
