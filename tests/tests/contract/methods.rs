//! Every repo method gives the same alone, on the primary, and from a replica.

use std::collections::BTreeMap;
use std::time::Duration;

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::contract::{NodeSettings, Site, constraints_on_bare, start_app};
use serde_json::{Value, json};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

type Seen = BTreeMap<String, Value>;

fn run(app: &AppProcess) -> Seen {
    // One case by itself, while it is worked on.
    let text = std::env::var("METHODS").unwrap_or_default();
    let seen: Seen = app.call_within(Duration::from_secs(120), "methods", text).unwrap();
    let failed: Vec<_> = seen.iter().filter(|(_, value)| value.get("case failed").is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{}", app.log());
    seen
}

fn alone() -> Seen {
    let dir = tempfile::tempdir().unwrap();
    let settings = NodeSettings::alone(dir.path().join("app.db"));
    run(&start_app(APP.as_ref(), &settings, dir.path().join("app.log")).unwrap())
}

fn assert_equal(place: &str, seen: &Seen, reference: &Seen) {
    let other = |name: &String| seen.get(name) != reference.get(name);
    let differ: Vec<_> = reference
        .keys()
        .filter(|name| other(name))
        .map(|name| format!("{name}\n  alone: {}\n  {place}: {}", reference[name], seen[name]))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn alone_every_method_does_what_it_says_and_constraints_are_those_of_a_bare_connection() {
    let seen = alone();
    assert!(seen.len() >= 40);
    let violations = seen.iter().find(|(name, _)| name.ends_with("::violations")).unwrap().1;
    let bare = json!(constraints_on_bare().unwrap());
    assert_eq!(violations["connection"], bare);
    assert_eq!(violations["transaction"], bare);
    assert_eq!(violations["repo"], bare);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn every_method_gives_the_same_on_the_primary_and_from_the_replica_as_alone() {
    let reference = alone();
    let site = Site::start(2, APP);
    let apps = site.apps();
    for (place, app) in [("primary", &apps[0]), ("replica", &apps[1])] {
        assert_equal(place, &run(app), &reference);
    }
}
