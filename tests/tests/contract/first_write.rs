//! An application on two nodes of a real LiteFS: the write of the replica's goes to the primary
//! and back.

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::contract::{Site, wait_role};

fn count(app: &AppProcess) -> i64 {
    app.call::<Option<i64>>("number", "SELECT count(*) AS n FROM notes").unwrap().unwrap()
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_write_of_the_replica_runs_on_the_primary_and_is_read_back_on_both() {
    let site = Site::start(2, env!("CARGO_BIN_EXE_app_node"));
    let apps = site.apps();
    let [primary, replica] = &apps[..] else { panic!() };
    wait_role(primary, "primary");
    wait_role(replica, "replica");

    let schema = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";
    replica.call::<usize>("execute", schema).unwrap();
    for sent in 1..=20 {
        let insert = format!("INSERT INTO notes (text) VALUES ('note {sent}')");
        assert_eq!(replica.call::<usize>("execute", insert).unwrap(), 1);
        assert_eq!((count(replica), count(primary)), (sent, sent));
    }
    primary.call::<usize>("execute", "DELETE FROM notes WHERE id > 10").unwrap();
    assert_eq!(count(primary), 10);
    site.wait_replicated();
    assert_eq!(count(replica), 10);

    for app in &apps {
        app.stop().unwrap();
    }
    for node in [1, 0] {
        assert!(site.cluster.stop_litefs(node).unwrap(), "no file of the mount is open any more");
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn a_position_from_one_node_is_a_token_on_every_other() {
    let site = Site::start(3, env!("CARGO_BIN_EXE_app_node"));
    let apps = site.apps();
    apps[1].call::<usize>("execute", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)").unwrap();
    site.wait_replicated();
    for written in 1..=60_i64 {
        let writer = &apps[written as usize % 3];
        let insert = "INSERT INTO notes (text) VALUES ('x')";
        let position: String = writer.call("position_of", insert).unwrap();
        for reader in &apps {
            let seen: Option<i64> =
                reader.call("number_at", (&position, "SELECT count(*) AS n FROM notes")).unwrap();
            assert_eq!(seen, Some(written));
        }
    }
}
