//! A database that is not in WAL mode.

use std::collections::BTreeMap;
use std::time::Duration;

use litefs_diesel_tests::contract::{MARKS, NodeSettings, ReadBack, Site};
use serde_json::Value;

type Seen = BTreeMap<String, Value>;

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn with_a_rollback_journal_the_replica_gives_what_the_primary_gives_and_reads_its_own_writes() {
    let site = Site::start(2, env!("CARGO_BIN_EXE_app_node"));
    let apps = [0, 1].map(|node| {
        let settings = NodeSettings { journal_mode: Some("delete".into()), ..site.settings(node) };
        site.app(settings).unwrap()
    });
    let [primary, replica] = &apps;
    replica.call::<usize>("execute", MARKS).unwrap();
    let seen: ReadBack = replica.call("read_back", 100).unwrap();
    assert_eq!(seen.stale, 0, "{seen:?}");
    // LiteFS takes a shrinking database in this mode.
    for sql in ["CREATE TABLE t (a)", "INSERT INTO t VALUES (zeroblob(3000000))", "DROP TABLE t", "VACUUM"] {
        replica.call::<usize>("execute", sql).unwrap();
    }
    let pages = "SELECT page_count AS n FROM pragma_page_count";
    assert!(replica.call::<Option<i64>>("number", pages).unwrap() < Some(100));
    let run = |app: &litefs_diesel_tests::app::AppProcess| -> Seen {
        app.call_within(Duration::from_secs(120), "methods", "").unwrap()
    };
    let (there, here) = (run(primary), run(replica));
    for (name, value) in &there {
        assert_eq!(value.get("case failed"), None, "{name}");
        assert_eq!(&here[name], value, "{name}");
    }
}
