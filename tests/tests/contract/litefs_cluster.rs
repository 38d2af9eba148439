//! The helper that runs a real LiteFS: what the contract tests rely on.

use std::fs;
use std::path::Path;
use std::process::Command;

use litefs_diesel_tests::bare::{count, write};
use litefs_diesel_tests::cluster::{Cluster, is_mounted};

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_on_the_primary_arrives_at_the_replica_with_an_equal_position() {
    let cluster = Cluster::start(3).unwrap();
    assert!(cluster.info(0).unwrap().is_primary);
    for replica in [1, 2] {
        let info = cluster.info(replica).unwrap();
        assert!(!info.is_primary);
        assert_eq!(info.primary.hostname, cluster.hostname(0));
        let named = fs::read_to_string(cluster.mount(replica).join(".primary")).unwrap();
        assert_eq!(named.trim_end(), cluster.hostname(0));
    }
    write(cluster.mount(0), "CREATE TABLE rows (id INTEGER PRIMARY KEY); INSERT INTO rows VALUES (1), (2)");
    let position = cluster.wait_replicated(0, "app.db").unwrap();
    assert_eq!(position, cluster.position(2, "app.db").unwrap());
    assert_ne!(position, "0000000000000000/0000000000000000");
    assert_eq!(count(cluster.mount(1)), 2);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_node_is_stopped_crashed_paused_and_comes_back() {
    let cluster = Cluster::start(2).unwrap();
    write(cluster.mount(0), "CREATE TABLE rows (id INTEGER PRIMARY KEY)");
    cluster.wait_replicated(0, "app.db").unwrap();

    assert!(cluster.stop_litefs(1).unwrap(), "nobody had a file open");
    write(cluster.mount(0), "INSERT INTO rows VALUES (1)");
    cluster.start_litefs(1).unwrap();
    cluster.wait_ready(1).unwrap();
    cluster.wait_replicated(0, "app.db").unwrap();
    assert_eq!(count(cluster.mount(1)), 1);

    cluster.pause(1).unwrap();
    write(cluster.mount(0), "INSERT INTO rows VALUES (2)");
    let ahead = cluster.wait_replicated(0, "app.db").unwrap();
    cluster.resume(1).unwrap();
    assert_eq!(cluster.wait_replicated(0, "app.db").unwrap(), ahead);

    // An open file keeps the mount busy: LiteFS ends, and leaves it behind.
    let open = fs::File::open(cluster.mount(1).join("app.db-pos")).unwrap();
    assert!(!cluster.stop_litefs(1).unwrap());
    drop(open);
    cluster.start_litefs(1).unwrap();
    cluster.kill_litefs(1).unwrap();
    assert!(!is_mounted(cluster.mount(1)));
    cluster.start_litefs(1).unwrap();

    // The static primary comes back to the same role.
    cluster.kill_litefs(0).unwrap();
    cluster.start_litefs(0).unwrap();
    cluster.wait_ready(0).unwrap();
    assert!(cluster.info(0).unwrap().is_primary);
    cluster.wait_ready(1).unwrap();
    assert_eq!(cluster.wait_replicated(0, "app.db").unwrap(), ahead);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn nothing_is_left_behind_after_a_drop_with_a_paused_server_and_open_files() {
    let cluster = Cluster::start(2).unwrap();
    write(cluster.mount(0), "CREATE TABLE rows (id INTEGER PRIMARY KEY)");
    let open = fs::File::open(cluster.mount(0).join("app.db")).unwrap();
    cluster.pause(1).unwrap();
    let dir = cluster.dir().to_owned();
    let mounts = [cluster.mount(0).to_owned(), cluster.mount(1).to_owned()];
    assert!(mounts.iter().all(|mount| is_mounted(mount)));
    drop(cluster);
    assert!(!mounts.iter().any(|mount| is_mounted(mount)));
    assert!(!dir.exists());
    drop(open);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn nothing_is_left_behind_after_the_test_process_was_killed() {
    use litefs_diesel_tests::wait;
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    // This test program once more, with the test below alone: it holds a cluster until killed.
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--nocapture", "holds_a_cluster_until_killed"])
        .env("HOLD_A_CLUSTER", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let dir =
        lines.map_while(Result::ok).find_map(|line| line.split_once("HELD ").map(|(_, dir)| dir.to_owned()));
    let dir = dir.expect("the other test process started no cluster");
    let mount = Path::new(&dir).join("node-1/mnt");
    assert!(is_mounted(&mount));
    child.kill().unwrap();
    child.wait().unwrap();
    let gone = wait::until(wait::PATIENCE, || {
        if is_mounted(&mount) || Path::new(&dir).exists() { Err(format!("{dir} is left")) } else { Ok(()) }
    });
    gone.unwrap();
    let servers = Command::new("pgrep").args(["-f", &dir]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&servers.stdout), "");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stdout, reason = "tells the test that kills this process where to look")]
fn holds_a_cluster_until_killed() {
    if std::env::var_os("HOLD_A_CLUSTER").is_some() {
        let cluster = Cluster::start(2).unwrap();
        println!("\nHELD {}", cluster.dir().display());
        loop {
            std::thread::park();
        }
    }
}
