//! The body of Diesel cases gives the same on a bare `SqliteConnection`, on a `LitefsConnection`
//! that is alone, and on one of a node: without LiteFS, on the primary, and on a replica.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::Connection;
use diesel::connection::SimpleConnection;
use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::cases::{Scope, on_bare, on_litefs, went_wrong};
use litefs_diesel_tests::contract::{NodeSettings, Site, start_app};
use serde_json::Value;

const APP: &str = env!("CARGO_BIN_EXE_app_node");
const EVERYTHING: Scope = Scope::BareOnly("");
const LONG: Duration = Duration::from_secs(120);

type Seen = BTreeMap<String, Value>;

fn named(seen: BTreeMap<&'static str, Value>) -> Seen {
    seen.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn file(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_string_lossy().into_owned()
}

/// What the reference sees. In WAL mode, as the databases of all nodes are.
fn bare(scope: Scope) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = on_bare::Conn::establish(&file(&folder, "bare.db")).unwrap();
    conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
    named(on_bare::run_all(&mut conn, scope))
}

async fn bare_with_url() -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let url = file(&folder, "bare.db");
    named(on_bare::run_with_url(&url).await)
}

/// Names every case that differs, and what was seen.
#[track_caller]
fn assert_equal(place: &str, seen: &Seen, reference: &Seen) {
    assert_eq!(seen.keys().collect::<Vec<_>>(), reference.keys().collect::<Vec<_>>());
    let differ: Vec<_> = reference
        .iter()
        .filter(|(name, value)| seen[*name] != **value || went_wrong(&seen[*name]))
        .map(|(name, value)| format!("{name}\n  bare: {value}\n  {place}: {}", seen[name]))
        .collect();
    assert!(differ.is_empty(), "{} cases differ:\n{}", differ.len(), differ.join("\n"));
}

fn on_node(place: &str, app: &AppProcess, reference: &Seen, with_url: &Seen) {
    assert_equal(place, &app.call_within(LONG, "cases", true).unwrap(), reference);
    assert_equal(place, &app.call_within(LONG, "cases_with_url", ()).unwrap(), with_url);
}

#[test]
fn a_connection_that_is_alone_is_a_bare_one_in_every_respect() {
    let folder = tempfile::tempdir().unwrap();
    let mut conn = on_litefs::Conn::establish(&file(&folder, "alone.db")).unwrap();
    conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
    assert_equal("alone", &named(on_litefs::run_all(&mut conn, EVERYTHING)), &bare(EVERYTHING));
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_of_connections_that_are_alone_are_those_of_bare_ones() {
    let folder = tempfile::tempdir().unwrap();
    let url = file(&folder, "alone.db");
    assert_equal("alone", &named(on_litefs::run_with_url(&url).await), &bare_with_url().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_litefs_gives_what_bare_sqlite_gives() {
    let folder = tempfile::tempdir().unwrap();
    let settings = NodeSettings::alone(folder.path().join("app.db"));
    let app = start_app(APP.as_ref(), &settings, folder.path().join("app.log")).unwrap();
    on_node("a node alone", &app, &bare(Scope::Everywhere), &bare_with_url().await);
}

#[test]
#[expect(clippy::print_stdout, reason = "the list is for people")]
fn what_a_connection_of_a_node_may_do_otherwise_is_listed_with_its_reason() {
    for case in on_litefs::all() {
        if let Scope::BareOnly(reason) = case.scope {
            assert!(!reason.is_empty(), "{}", case.name);
            println!("{}: {reason}", case.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs LiteFS: tests/run"]
async fn the_primary_and_the_replica_give_what_bare_sqlite_gives() {
    let (reference, with_url) = (bare(Scope::Everywhere), bare_with_url().await);
    let site = Site::start(2, APP);
    let apps = site.apps();
    on_node("the primary", &apps[0], &reference, &with_url);
    on_node("the replica", &apps[1], &reference, &with_url);
}
