//! The helper that cuts nodes off from each other, and what LiteFS makes of that.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use litefs_diesel_tests::bare::{DATABASE, ids, insert, three_nodes, wait_row};
use litefs_diesel_tests::cluster::{Cluster, ConsulLease, LITEFS_PORT, Peer, Traffic, is_mounted};
use litefs_diesel_tests::netns::How;
use litefs_diesel_tests::wait::{self, PATIENCE};

fn start() -> Cluster {
    three_nodes(ConsulLease::default().in_namespaces())
}

#[derive(Debug, PartialEq)]
enum Connect {
    Accepted,
    Refused,
    Silent,
}

/// What a process on `node` gets that connects to `address` and waits for a second.
fn connect(cluster: &Cluster, node: usize, address: &str) -> Connect {
    let (host, port) = address.split_once(':').unwrap();
    let mut command = cluster.command(node, "timeout");
    command.args(["1", "bash", "-c", &format!("exec 3<>/dev/tcp/{host}/{port}")]);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Connect::Accepted,
        Some(124) => Connect::Silent,
        _ if words.contains("refused") => Connect::Refused,
        status => panic!("{status:?}: {words}"),
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn each_cut_stops_what_it_names_and_nothing_else_until_it_is_healed() {
    let cluster = start();
    let litefs = |node: usize| format!("{}:{LITEFS_PORT}", cluster.host(node));
    let consul = cluster.consul().http().replace("http://", "");
    let seen = |from: usize, to: &str| connect(&cluster, from, to);
    for node in 0..3 {
        assert_eq!(seen(node, &litefs((node + 1) % 3)), Connect::Accepted);
        assert_eq!(seen(node, &consul), Connect::Accepted);
    }

    cluster.partition(1, Peer::Node(2), Traffic::Litefs, How::Reject).unwrap();
    cluster.partition(1, Peer::Consul, Traffic::Any, How::Drop).unwrap();
    assert_eq!(seen(1, &litefs(2)), Connect::Refused);
    assert_eq!(seen(2, &litefs(1)), Connect::Refused, "from both sides");
    assert_eq!(seen(1, &consul), Connect::Silent);
    assert_eq!(seen(1, &litefs(0)), Connect::Accepted, "not from node 0");
    assert_eq!(seen(2, &consul), Connect::Accepted);
    assert_eq!(seen(1, &litefs(1)), Connect::Accepted, "itself");
    assert!(cluster.info(1).is_ok(), "the test reaches it all the same");

    cluster.heal_node(1).unwrap();
    cluster.partition(2, Peer::All, Traffic::Application, How::Drop).unwrap();
    assert_eq!(seen(1, &litefs(2)), Connect::Accepted, "only the application's port");
    assert_eq!(seen(2, &consul), Connect::Silent, "all of Consul");

    cluster.heal().unwrap();
    assert_eq!(seen(2, &consul), Connect::Accepted);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_replica_that_is_refused_lags_and_catches_up_when_healed() {
    let cluster = start();
    cluster.partition(2, Peer::Node(0), Traffic::Litefs, How::Reject).unwrap();
    insert(&cluster, 0, 1);
    wait_row(&cluster, 1, 1);
    let lost = || match cluster.info(2).unwrap().primary.hostname {
        // LiteFS forgets its primary between two attempts to connect.
        hostname if hostname.is_empty() => Ok(()),
        hostname => Err(format!("it follows {hostname}")),
    };
    wait::until(PATIENCE, lost).unwrap();
    assert_eq!(ids(cluster.mount(2)), [0i64; 0], "it is cut off");
    cluster.heal().unwrap();
    wait_row(&cluster, 2, 1);
    assert_eq!(cluster.primary(), Some(0), "nobody else asked for the lease");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_replica_that_hears_nothing_believes_in_its_primary_and_catches_up_when_healed() {
    let cluster = start();
    cluster.partition(2, Peer::Node(0), Traffic::Any, How::Drop).unwrap();
    insert(&cluster, 0, 1);
    wait_row(&cluster, 1, 1);
    assert_eq!(ids(cluster.mount(2)), [0i64; 0], "it is cut off");
    assert_eq!(cluster.info(2).unwrap().primary.hostname, cluster.hostname(0), "and does not know");
    cluster.heal().unwrap();
    wait_row(&cluster, 2, 1);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_primary_that_consul_refuses_loses_its_lease() {
    let cluster = start();
    cluster.partition(0, Peer::Consul, Traffic::Any, How::Reject).unwrap();
    let next = cluster.wait_primary_other_than(0, PATIENCE).unwrap();
    cluster.heal().unwrap();
    assert_eq!(cluster.wait_settled(DATABASE, PATIENCE).unwrap().0, next);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_silent_consul_leaves_the_primary_in_place_until_it_speaks_again() {
    let cluster = start();
    cluster.silence_consul().unwrap();
    // The lease is gone after at most twice its time to live, and nobody is told.
    let since = Instant::now();
    wait::until(PATIENCE, || {
        assert_eq!(cluster.primary(), Some(0));
        if since.elapsed() > Duration::from_secs(6) { Ok(()) } else { Err(()) }
    })
    .unwrap();
    insert(&cluster, 0, 1);
    wait_row(&cluster, 2, 1);
    cluster.heal().unwrap();
    let (primary, _) = cluster.wait_settled(DATABASE, PATIENCE).unwrap();
    insert(&cluster, primary, 2);
    wait_row(&cluster, (primary + 1) % 3, 2);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn no_namespace_is_left_behind_after_the_test_process_was_killed() {
    // This test program once more, with the test below alone: it holds a cluster until killed.
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--nocapture", "holds_namespaces_until_killed"])
        .env("HOLD_A_CLUSTER", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let held = lines.find_map(|line| line.split_once("HELD ").map(|(_, held)| held.to_owned())).unwrap();
    let (dir, namespace) = held.split_once(' ').unwrap();
    let (mount, namespace) = (Path::new(dir).join("node-1/mnt"), Path::new(namespace));
    assert!(is_mounted(&mount) && namespace.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let network = namespace.file_name().unwrap().to_str().unwrap().rsplit_once('-').unwrap().0.to_owned();
    wait::until(PATIENCE, || {
        let left = [&mount, Path::new(dir), namespace, &Path::new("/sys/class/net").join(&network)];
        match left.into_iter().find(|path| is_mounted(path) || path.exists()) {
            Some(left) => Err(format!("{} is left", left.display())),
            None => Ok(()),
        }
    })
    .unwrap();
    let servers = Command::new("pgrep").args(["-f", dir]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&servers.stdout), "");
    for entry in std::fs::read_dir("/run/netns").unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_string_lossy().starts_with(&network), "{name:?} is left");
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stdout, reason = "tells the test that kills this process where to look")]
fn holds_namespaces_until_killed() {
    if std::env::var_os("HOLD_A_CLUSTER").is_some() {
        let cluster = start();
        let prefix = cluster.prefix(1);
        let namespace = prefix[1].to_str().unwrap().trim_start_matches("--net=");
        println!("\nHELD {} {namespace}", cluster.dir().display());
        loop {
            std::thread::park();
        }
    }
}
