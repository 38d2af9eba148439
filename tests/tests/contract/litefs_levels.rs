//! Writes that wait for other nodes, and primaries that stop for others, on three nodes.

use litefs_diesel_tests::app::{AppError, AppProcess};
use litefs_diesel_tests::cluster::{ConsulLease, Lease, Peer, Traffic};
use litefs_diesel_tests::contract::{NodeSettings, Site, wait_role};
use litefs_diesel_tests::netns::How;
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// Time enough for a write that nothing holds up.
const AMPLE: u64 = 10_000;

/// Long enough for a write that succeeds, and not to wait long for one that does not.
const SHORT: u64 = 1_000;

fn write_at(app: &AppProcess, id: i64, level: &str, millis: u64) -> Result<usize, AppError> {
    app.call("write_at", (format!("INSERT INTO rows VALUES ({id})"), level, millis))
}

fn has(app: &AppProcess, id: i64) -> bool {
    app.call::<i64>("number", format!("SELECT count(*) AS n FROM rows WHERE id = {id}")).unwrap() == 1
}

/// Writes until it works.
fn wait_write(app: &AppProcess, id: i64, level: &str) {
    wait::until(PATIENCE, || write_at(app, id, level, SHORT)).unwrap();
}

/// What the application said to a write that did not give its value.
fn outcome(result: Result<usize, AppError>) -> (String, String) {
    let Err(AppError::Refused(outcome)) = result else { panic!("{result:?}") };
    let text = |key: &str| outcome[key].as_str().map_or_else(|| outcome[key].to_string(), str::to_owned);
    (text("outcome"), text("detail"))
}

fn apps(site: &Site, majority: bool) -> Vec<AppProcess> {
    let settings = |node| NodeSettings { all_nodes: true, majority, ..site.settings(node) };
    let apps: Vec<_> = (0..3).map(|node| site.app(settings(node)).unwrap()).collect();
    wait_role(&apps[0], "primary");
    apps[0].call::<usize>("execute", "CREATE TABLE rows (id INTEGER PRIMARY KEY)").unwrap();
    apps
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_is_where_its_level_says_when_it_returns() {
    let site = Site::start_with(3, Lease::consul(), APP);
    let apps = apps(&site, false);
    wait_write(&apps[0], 1, "everywhere");
    for (node, app) in apps.iter().enumerate() {
        let id = 10 * (node as i64 + 1);
        write_at(app, id, "replicated(1)", AMPLE).unwrap();
        let there = apps.iter().filter(|app| has(app, id)).count();
        assert!(there >= 2, "node {node}: on {there}");
        for (id, level) in [(id + 1, "replicated(2)"), (id + 2, "everywhere")] {
            write_at(app, id, level, AMPLE).unwrap();
            assert!(apps.iter().all(|app| has(app, id)), "node {node}: {level}");
        }
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn with_a_node_down_everywhere_does_not_begin_and_replicated_says_who_is_missing() {
    let site = Site::start_with(3, Lease::consul(), APP);
    let apps = apps(&site, false);
    wait_write(&apps[1], 1, "everywhere");
    apps[2].kill().unwrap();
    let down = site.cluster.hostname(2);
    for (id, app) in (10..).zip(&apps[..2]) {
        let (is, why) = wait::until(PATIENCE, || match write_at(app, id, "everywhere", SHORT) {
            Ok(_) => Err("it did begin".to_owned()),
            Err(error) => Ok(outcome(Err(error))),
        })
        .unwrap();
        assert!(is == "not_executed" && why.contains(&down), "{is}: {why}");
        write_at(app, id + 10, "replicated(1)", AMPLE).unwrap();
        let (is, why) = outcome(write_at(app, id + 20, "replicated(2)", SHORT));
        // Who has it, and who was waited for.
        assert!(is == "committed" && why.ends_with(&format!("[{down:?}]]")), "{is}: {why}");
        assert!(has(app, id + 20), "it is committed");
    }
    assert!(!has(&apps[0], 11), "it did not run");
    apps[2].start_again().unwrap();
    wait_write(&apps[1], 50, "everywhere");
}

/// Two primaries, and the old one is cut off from everybody: there is nobody to hear of the next from.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_12_with_a_majority_fence_a_primary_that_is_cut_off_from_all_stops_by_itself() {
    let site = Site::start_with(3, ConsulLease::default().in_namespaces(), APP);
    let apps = apps(&site, true);
    wait_write(&apps[0], 1, "everywhere");
    site.cluster.partition(0, Peer::Consul, Traffic::Any, How::Drop).unwrap();
    site.cluster.partition(0, Peer::Nodes, Traffic::Any, How::Reject).unwrap();
    let next = site.cluster.wait_primary_beside(0, PATIENCE).unwrap();
    let (is, why) = outcome(write_at(&apps[0], 100, "visible", SHORT));
    assert!(is == "not_executed" && why.contains("have confirmed"), "{is}: {why}");
    wait_write(&apps[next], 2, "visible");
    assert_eq!(site.cluster.primaries(), [0, next]);
    site.cluster.heal().unwrap();
    site.cluster.wait_settled("app.db", PATIENCE).unwrap();
    for app in &apps {
        assert!(has(app, 2) && !has(app, 100));
    }
    wait_write(&apps[0], 200, "everywhere");
}
