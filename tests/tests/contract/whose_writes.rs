//! A primary that does not take the writes of another node (`cluster.accept_writes_from`).

use std::time::{Duration, Instant};

use litefs_diesel_tests::app::{AppError, AppProcess};
use litefs_diesel_tests::contract::{NodeSettings, Site, wait_role};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

fn insert(app: &AppProcess, id: i64) -> Result<usize, AppError> {
    app.call("execute", format!("INSERT INTO rows VALUES ({id})"))
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_primary_refuses_at_once_whom_it_does_not_name_and_takes_its_own() {
    let site = Site::start(2, APP);
    let settings = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        NodeSettings { accept_writes_from: Some(names), ..site.settings(0) }
    };
    for (names, setting) in
        [(&["elsewhere"][..], "cluster.accept_writes_from"), (&[][..], "cluster.accept_writes")]
    {
        let primary = site.app(settings(names)).unwrap();
        wait_role(&primary, "primary");
        primary.call::<usize>("execute", "CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY)").unwrap();
        let replica = site.app(site.settings(1)).unwrap();
        site.wait_replicated();
        let asked = Instant::now();
        let Err(AppError::Refused(why)) = insert(&replica, 1) else { panic!("it was not refused") };
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}: it asked again", asked.elapsed());
        assert_eq!(why["outcome"], "not_executed");
        let text = why["detail"].as_str().unwrap();
        for part in [&format!("setting `{setting}`"), "`node-1`", "`node-0`"] {
            assert!(text.contains(part), "{text}");
        }
        insert(&primary, 2).unwrap();
        site.wait_replicated();
        let rows = replica.call::<Option<i64>>("number", "SELECT count(*) AS n FROM rows").unwrap();
        assert_eq!(rows, Some(1));
        primary.call::<usize>("execute", "DELETE FROM rows").unwrap();
    }
    let primary = site.app(settings(&["node-1"])).unwrap();
    wait_role(&primary, "primary");
    let replica = site.app(site.settings(1)).unwrap();
    insert(&replica, 3).unwrap();
}
