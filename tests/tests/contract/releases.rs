//! A rolling deploy: nodes of two releases of one application side by side on a running LiteFS, and each of them
//! primary for a while.

use litefs_diesel_tests::app::{AppError, AppProcess};
use litefs_diesel_tests::cluster::Lease;
use litefs_diesel_tests::contract::{NodeSettings, Site, wait_role};
use litefs_diesel_tests::wait::{self, PATIENCE};
use serde_json::Value;

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// Calls that version of `stamp`; gives the release that did it.
fn stamp(app: &AppProcess, version: u32, text: &str) -> Result<i64, AppError> {
    app.call("stamp", (version, text))
}

fn assert_unknown(app: &AppProcess, text: &str) {
    let Err(AppError::Refused(why)) = stamp(app, 2, text) else { panic!("{text} was done") };
    assert_eq!(why["outcome"], Value::from("not_executed"), "{why}");
    assert!(why["detail"].as_str().is_some_and(|detail| detail.contains("`stamp`")), "{why}");
}

fn count(app: &AppProcess, text: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM stamps WHERE text = '{text}'");
    app.call::<Option<i64>>("number", sql).unwrap().unwrap()
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn while_nodes_of_two_releases_run_each_call_is_done_as_asked_for_or_refused_before_it_runs() {
    let site = Site::start_with(2, Lease::consul(), APP);
    let settings = |node, next_release| NodeSettings { next_release, ..site.settings(node) };
    let hand_to = |apps: &[&AppProcess], node: usize| {
        let moved = || site.cluster.revive().and_then(|_| site.cluster.promote(node));
        wait::until(PATIENCE, moved).unwrap();
        for (at, app) in apps.iter().enumerate() {
            wait_role(app, if at == node { "primary" } else { "replica" });
        }
    };
    let old = site.app(settings(0, false)).unwrap();
    wait_role(&old, "primary");
    old.call::<usize>("execute", "CREATE TABLE stamps (id INTEGER PRIMARY KEY, text TEXT, release INTEGER)")
        .unwrap();

    // The first node of the next release: what it calls of the old one is done, its own is not there yet.
    let new = site.app(settings(1, true)).unwrap();
    assert_eq!(stamp(&new, 1, "old by new").unwrap(), 1);
    assert_unknown(&new, "new by new, too early");

    // It is primary: what nodes of the old release call is done by the new one, which keeps it for that.
    hand_to(&[&old, &new], 1);
    assert_eq!(stamp(&old, 1, "old by old").unwrap(), 2);
    assert_eq!(stamp(&new, 2, "new by new").unwrap(), 2);
    assert_eq!(stamp(&old, 2, "new by old").unwrap(), 2);

    // The old release is primary once more, and knows nothing of the new one's.
    hand_to(&[&old, &new], 0);
    assert_unknown(&new, "new by new, too late");
    drop(old);
    let newer = site.app(settings(0, true)).unwrap();
    wait_role(&newer, "primary");
    assert_eq!(stamp(&new, 2, "all new").unwrap(), 2);
    assert_eq!(stamp(&new, 1, "old by all new").unwrap(), 2);

    for (text, times) in [
        ("old by new", 1),
        ("new by new, too early", 0),
        ("old by old", 1),
        ("new by new", 2),
        ("new by old", 2),
        ("new by new, too late", 0),
        ("all new", 2),
        ("old by all new", 1),
    ] {
        assert_eq!(count(&newer, text), times, "{text}");
    }
}
