//! Application nodes on a cluster whose networks the test cuts, slows down and freezes: the helpers
//! that the fault run stands on.

use std::io::Write;
use std::time::{Duration, Instant};

use litefs_diesel_tests::app::{AppError, AppProcess};
use litefs_diesel_tests::cluster::{ConsulLease, Lease, Peer, Traffic};
use litefs_diesel_tests::contract::{NodeSettings, Site, wait_role};
use litefs_diesel_tests::netns::How;
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

fn insert(app: &AppProcess, id: i64) -> Result<usize, AppError> {
    app.call("execute", format!("INSERT INTO rows VALUES ({id})"))
}

fn create(app: &AppProcess) {
    wait_role(app, "primary");
    app.call::<usize>("execute", "CREATE TABLE rows (id INTEGER PRIMARY KEY)").unwrap();
}

/// Writes until it works.
fn wait_insert(app: &AppProcess, id: i64) {
    wait::until(PATIENCE, || insert(app, id)).unwrap();
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn an_application_in_a_namespace_is_cut_off_from_another_alone() {
    let site = Site::start_with(3, ConsulLease::default().in_namespaces(), APP);
    // On the namespaces' own addresses, which other machines could reach.
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    (0..32).for_each(|byte| write!(secret, "{byte:02x}").unwrap());
    let settings = |node| NodeSettings { timeout_ms: 1000, ..site.secured_settings(node, secret.path()) };
    let apps: Vec<_> = (0..3).map(|node| site.app(settings(node)).unwrap()).collect();
    create(&apps[0]);
    for (id, app) in (1..).zip(&apps) {
        wait_insert(app, id);
    }
    site.cluster.partition(2, Peer::Node(0), Traffic::Application, How::Reject).unwrap();
    insert(&apps[2], 10).unwrap_err();
    insert(&apps[1], 11).unwrap();
    site.wait_replicated();
    let there = apps[2].call::<i64>("number", "SELECT count(*) AS n FROM rows WHERE id = 11");
    assert_eq!(there.unwrap(), 1, "LiteFS still replicates to it");
    site.cluster.heal().unwrap();
    wait_insert(&apps[2], 12);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn an_application_is_stopped_killed_and_paused_where_its_node_is() {
    let site = Site::start_with(2, ConsulLease::default().in_namespaces(), APP);
    let apps = site.apps();
    create(&apps[0]);
    wait_insert(&apps[1], 1);
    apps[1].restart().unwrap();
    wait_insert(&apps[1], 2);
    apps[1].kill().unwrap();
    apps[1].start_again().unwrap();
    wait_insert(&apps[1], 3);
    apps[1].pause().unwrap();
    let silent = apps[1].call_within::<usize>(Duration::from_millis(300), "number", "SELECT 1 AS n");
    assert!(matches!(silent, Err(AppError::Deadline(_))), "{silent:?}");
    apps[1].resume().unwrap();
    wait_insert(&apps[1], 4);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn an_application_follows_the_primary_when_it_is_promoted() {
    let site = Site::start_with(3, Lease::consul(), APP);
    let apps = site.apps();
    create(&apps[0]);
    site.cluster.promote(2).unwrap();
    wait_role(&apps[2], "primary");
    wait_insert(&apps[0], 1);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn writes_between_applications_go_through_a_link_that_is_slow_and_frozen() {
    let site = Site::start_with(2, ConsulLease::default().in_namespaces(), APP);
    let link = site.link(1, 0);
    let mut settings = NodeSettings { timeout_ms: 2000, ..site.settings(1) };
    settings.peers.insert(site.cluster.hostname(0), link.address());
    let apps = [site.app(site.settings(0)).unwrap(), site.app(settings).unwrap()];
    create(&apps[0]);
    wait_insert(&apps[1], 1);

    link.set_delay(Duration::from_millis(200));
    let began = Instant::now();
    insert(&apps[1], 2).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
    link.set_delay(Duration::ZERO);

    link.freeze();
    let began = Instant::now();
    insert(&apps[1], 3).unwrap_err();
    assert!(began.elapsed() >= Duration::from_millis(1500), "{:?}", began.elapsed());
    link.open();
    wait_insert(&apps[1], 4);
    link.cut();
    insert(&apps[1], 5).unwrap_err();
    link.open();
    wait_insert(&apps[1], 6);
}
