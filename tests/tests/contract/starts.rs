//! How a node starts on a real LiteFS: it waits for what may come, and refuses what would do harm,
//! naming the setting and what to do.

use std::fs;
use std::time::{Duration, Instant};

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::contract::{NodeSettings, Site, start_app};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

const CREATE: &str = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)";

/// What it said instead of starting: the last line of its log.
#[track_caller]
fn refusal(site: &Site, settings: NodeSettings) -> String {
    match site.app(settings) {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string().lines().last().unwrap_or_default().to_owned(),
    }
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "it does not say {part:?}: {text}");
    }
}

fn count(app: &AppProcess) -> i64 {
    app.call::<Option<i64>>("number", "SELECT count(*) AS n FROM notes").unwrap().unwrap()
}

/// One cluster: each part leaves it as the next needs it.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_node_waits_for_what_may_come_and_refuses_what_would_do_harm() {
    let site = Site::start(2, APP);
    let replica_without_database = || NodeSettings { start_timeout_ms: 700, ..site.settings(1) };

    // The database is not here: nothing may make an empty one.
    let said = refusal(&site, replica_without_database());
    assert_says(&said, &["repo.Repo.database", "replica of node-0", "Create the database on node-0 first"]);
    assert!(!site.database(1, "app.db").exists());

    // LiteFS does not replicate MEMORY: neither as a setting of its own nor as the application's.
    let memory = NodeSettings { on_open: Some("PRAGMA journal_mode = MEMORY".into()), ..site.settings(0) };
    assert_says(&refusal(&site, memory), &["repo.Repo.journal_mode", "MEMORY", "on_open"]);

    // No LiteFS where the database is to be; and LiteFS where the settings know of none.
    let elsewhere = site.cluster.dir().join("app.db");
    let mut settings = site.settings(0);
    settings.databases.insert("Repo".into(), elsewhere);
    assert_says(&refusal(&site, settings), &["repo.Repo.database", "no LiteFS mount", "start LiteFS before"]);
    let alone = NodeSettings { http: None, ..site.settings(0) };
    assert_says(&refusal(&site, alone), &["repo.Repo.database", "[litefs]"]);

    // A replica that boots first waits, for a primary that boots and for its database.
    site.cluster.crash_litefs(0).unwrap();
    site.cluster.unmount(0).unwrap();
    let (primary, replica) = std::thread::scope(|scope| {
        let replica = scope.spawn(|| site.app(site.settings(1)).unwrap());
        std::thread::sleep(Duration::from_millis(500));
        assert!(!replica.is_finished(), "it started without a primary and a database");
        site.cluster.start_litefs(0).unwrap();
        let primary = site.app(site.settings(0)).unwrap();
        (primary, replica.join().unwrap())
    });
    replica.call::<usize>("execute", CREATE).unwrap();
    replica.call::<usize>("execute", "INSERT INTO notes (text) VALUES ('precious')").unwrap();
    assert_eq!((count(&primary), count(&replica)), (1, 1));

    // The primary comes back with an empty disk, while a peer has the database.
    primary.stop().unwrap();
    assert!(site.cluster.stop_litefs(0).unwrap());
    fs::remove_dir_all(site.cluster.data(0)).unwrap();
    fs::create_dir_all(site.cluster.data(0)).unwrap();
    site.cluster.start_litefs(0).unwrap();
    let begun = Instant::now();
    let said = refusal(&site, site.settings(0));
    assert_says(
        &said,
        &["repo.Repo.database", "node-1 cannot be asked", "clusterID", "erase it on every node"],
    );
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(!site.database(0, "app.db").exists(), "nothing was created");
    assert_eq!(count(&replica), 1, "nothing is lost");
}

#[test]
fn a_folder_that_is_not_there_is_told_before_anything_else() {
    let dir = tempfile::tempdir().unwrap();
    let settings = NodeSettings {
        http: Some("http://127.0.0.1:1".into()),
        node: "node-0".into(),
        listen: "127.0.0.1:0".into(),
        peers: [("node-1".into(), "127.0.0.1:1".into())].into(),
        ..NodeSettings::alone(dir.path().join("missing/app.db"))
    };
    let said = start_app(APP.as_ref(), &settings, dir.path().join("app.log")).map(drop).unwrap_err();
    assert_says(&said.to_string(), &["repo.Repo.database", "there is no such folder", "start LiteFS before"]);
}
