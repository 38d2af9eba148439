//! What the library makes of each fault of LiteFS that has to do with who is primary. The numbers are
//! those of the project's list of LiteFS's faults.

use std::fs;
use std::time::{Duration, Instant};

use litefs_diesel_tests::app::AppError;
use litefs_diesel_tests::cluster::{ConsulLease, Lease, Peer, Traffic};
use litefs_diesel_tests::contract::{MARKS, wait_role};
use litefs_diesel_tests::faults::record::{Class, End, Process};
use litefs_diesel_tests::faults::single::{ELECTION, call, insert, rows, stage, under_load, until_done};
use litefs_diesel_tests::faults::stage::{DATABASE, Stage};
use litefs_diesel_tests::faults::work::Level;
use litefs_diesel_tests::netns::How;
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

fn none_done(end: &End) {
    assert!(matches!(end.class, Class::NotExecuted | Class::Unknown), "{end:?}");
}

/// A primary that stands still is not replaced, and nothing but its lag shows it: calls end by their
/// deadlines, and a read that may not lag says so.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_01_a_primary_that_stands_still_keeps_nobody_waiting() {
    let stage = stage(APP, Lease::consul(), |_| ());
    let app = &stage.apps()[1];
    let before: i64 = app.call("faults_fresh", 5_000).unwrap();
    stage.cluster().pause(0).unwrap();
    let (since, mut tag) = (Instant::now(), 0);
    // Longer than the lease lasts, and than its lag may be.
    while since.elapsed() < Duration::from_secs(6) {
        tag += 1;
        none_done(&call(&stage, 1, &insert(tag, Level::Visible, 500)));
        assert_eq!(app.call::<String>("role", ()).unwrap(), "replica");
        let local: i64 = app.call("number", "SELECT count(*) AS n FROM fault_entries").unwrap();
        assert_eq!(local, before, "it reads what it has");
    }
    let lags = app.call::<i64>("faults_fresh", 2_000);
    assert!(matches!(&lags, Err(AppError::Refused(_))), "{lags:?}");
    stage.cluster().resume(0).unwrap();
    stage.recover().unwrap();
    for tag in 1..=tag {
        assert!(rows(&stage, tag) <= 1, "{tag}");
    }
}

/// A position that a later history has gone past proves nothing about the write: one that waits for
/// more nodes does not take it for theirs, and one that was acknowledged is reported as lost.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_04_a_later_position_of_another_history_is_not_taken_for_the_write() {
    let records = tempfile::tempdir().unwrap();
    let stage = stage(APP, ConsulLease::default().in_namespaces(), |settings| {
        settings.record = Some(records.path().to_owned());
    });
    let stage = &stage;
    let (acknowledged, waited) = std::thread::scope(|scope| {
        let (acknowledged, waiting) = lag_and_lead(stage, || {
            let acknowledged = call(stage, 1, &insert(1, Level::Visible, 5_000));
            assert_eq!(acknowledged.class, Class::Value, "{acknowledged:?}");
            let waiting = scope.spawn(|| call(stage, 1, &insert(2, Level::Replicated(2), 20_000)));
            wait_tag(stage, 1, 2);
            (acknowledged, waiting)
        });
        // Node 2 goes past both of them.
        for tag in 10..30 {
            let _ = until_done(stage, 2, 100 * tag);
        }
        (acknowledged, waiting.join().unwrap())
    });
    assert_eq!(rows(stage, 1), 0);
    let there = rows(stage, 2);
    match waited.class {
        // It was run again there, under its own id.
        Class::Value => assert_eq!(there, 1, "{waited:?}"),
        Class::NotExecuted | Class::Lost => assert_eq!(there, 0, "{waited:?}"),
        Class::Unknown => assert!(there <= 1, "{there} rows: {waited:?}"),
        _ => panic!("{there} rows: {waited:?}"),
    }
    let position = acknowledged.position.unwrap();
    let reported = || {
        let processes = Process::read_all(records.path()).map_err(|error| error.to_string())?;
        let mut lost = processes.iter().flat_map(|process| &process.lost);
        if lost.any(|loss| loss.position == position) {
            Ok(())
        } else {
            Err("it was not reported".to_owned())
        }
    };
    wait::until(PATIENCE, reported).unwrap();
}

fn wait_tag(stage: &Stage, node: usize, tag: i64) {
    let there = || if stage.tags(node).unwrap().contains(&tag) { Ok(()) } else { Err("it is not there") };
    wait::until(PATIENCE, there).unwrap();
}

/// Node 2 lags behind what is done meanwhile on the others, and becomes primary: nobody compares
/// positions. All are there again afterwards.
fn lag_and_lead<T>(stage: &Stage, meanwhile: impl FnOnce() -> T) -> T {
    let cluster = stage.cluster();
    cluster.partition(2, Peer::Node(0), Traffic::Litefs, How::Reject).unwrap();
    // Until a reset is noticed, what was sent before may still arrive.
    let mut tag = 1_000_000;
    let lags = wait::until(PATIENCE, || {
        tag = until_done(stage, 0, tag + 1);
        let behind = |node| cluster.position(node, DATABASE).unwrap();
        if behind(2) == behind(0) { Err("it still replicates") } else { Ok(()) }
    });
    lags.unwrap();
    let done = meanwhile();
    cluster.pause(1).unwrap();
    cluster.kill_litefs(0).unwrap();
    assert_eq!(cluster.wait_primary(PATIENCE).unwrap(), 2);
    cluster.heal().unwrap();
    let _ = until_done(stage, 2, 2_000_000);
    cluster.resume(1).unwrap();
    stage.start_litefs(0).unwrap();
    stage.recover().unwrap();
    done
}

/// While there is no leader a call waits for one, until its deadline and not longer.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_07_without_a_leader_a_write_waits_for_one_until_its_deadline() {
    let stage = stage(APP, Lease::consul(), |_| ());
    let stage = &stage;
    stage.cluster().consul().stop().unwrap();
    wait::until(PATIENCE, || match stage.cluster().primaries()[..] {
        [] => Ok(()),
        _ => Err("there still is a primary"),
    })
    .unwrap();
    for node in 0..3 {
        wait_role(&stage.apps()[node], "none");
        let end = call(stage, node, &insert(node as i64, Level::Visible, 500));
        assert_eq!(end.class, Class::NotExecuted, "{end:?}");
        assert!(end.detail.as_deref().is_some_and(|why| why.contains("no primary")), "{end:?}");
    }
    std::thread::scope(|scope| {
        let patient = |node: usize| insert(10 + node as i64, Level::Visible, 25_000);
        let waiting = [0, 1, 2].map(|node| scope.spawn(move || call(stage, node, &patient(node))));
        stage.cluster().consul().start().unwrap();
        for (node, call) in waiting.into_iter().enumerate() {
            assert_eq!(call.join().unwrap().class, Class::Value, "node {node}");
        }
    });
    for node in 0..3 {
        assert_eq!((rows(stage, node), rows(stage, 10 + node)), (0, 1), "node {node}");
    }
}

/// A transaction that somebody left open does not keep the lease where it is: it is ended.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_08_a_transaction_that_is_left_open_does_not_block_a_hand_off() {
    let stage = stage(APP, Lease::consul(), |settings| settings.transaction_idle_ms = 1_500);
    stage.apps()[0].call::<usize>("execute", MARKS).unwrap();
    for (holder, from, to) in [(1, 0, 2), (2, 2, 0)] {
        assert_eq!(stage.cluster().wait_primary(PATIENCE).unwrap(), from);
        stage.apps()[holder].call::<()>("hold_transaction", ()).unwrap();
        let begun = Instant::now();
        stage.cluster().promote(to).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(6), "the hand-off took {:?}", begun.elapsed());
        stage.recover().unwrap();
        let marks: Option<i64> = stage.apps()[to].call("number", "SELECT count(*) AS n FROM marks").unwrap();
        assert_eq!(marks, Some(0), "nothing of it is kept");
    }
}

/// Two nodes are primary, and take what they are given. The applications tell each other: the earlier
/// one stops, and what it took before it knew is reported.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_12_of_two_primaries_the_earlier_stops_writing() {
    let stage = stage(APP, ConsulLease::default().in_namespaces(), |_| ());
    let cluster = stage.cluster();
    cluster.partition(0, Peer::Consul, Traffic::Any, How::Drop).unwrap();
    cluster.partition(0, Peer::Nodes, Traffic::Litefs, How::Reject).unwrap();
    let next = cluster.wait_primary_beside(0, PATIENCE).unwrap();
    // Within a moment it knows: it does not write, or has the other one write, which LiteFS here cannot
    // see.
    let mut tag = 100;
    wait::until(PATIENCE, || {
        tag += 1;
        let end = call(&stage, 0, &insert(tag, Level::Visible, 500));
        if end.class == Class::Value { Err(format!("{end:?}")) } else { Ok(()) }
    })
    .unwrap();
    let told: Vec<_> = (200..210).map(|tag| call(&stage, 0, &insert(tag, Level::Visible, 300))).collect();
    let done = until_done(&stage, next, 300);
    assert_eq!(cluster.primaries(), [0, next], "there were two all the while");
    cluster.heal().unwrap();
    stage.recover().unwrap();
    assert_eq!(rows(&stage, done), 1);
    for end in told {
        let there = rows(&stage, end.tag);
        match end.class {
            Class::NotExecuted => assert_eq!(there, 0, "{end:?}"),
            Class::Committed => assert_eq!(there, 1, "{end:?}"),
            Class::Unknown => assert!(there <= 1, "{end:?}"),
            _ => panic!("{end:?}"),
        }
    }
}

/// The same under load, with what the earlier one took before it knew.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_12_what_the_earlier_primary_took_before_it_knew_is_reported() {
    use litefs_diesel_tests::faults::play::Played;
    use litefs_diesel_tests::faults::schedule::{Fault, Step};
    let verdict = under_load(APP, ConsulLease::default().in_namespaces(), |stage| {
        let lasts = Duration::from_secs(1);
        let step = Step { fault: Fault::TwoPrimaries, choice: 0, lasts, rest: Duration::ZERO };
        let played = stage.play(&step).unwrap();
        assert!(matches!(played, Played::Happened(_)), "{played:?}");
    });
    // Until another was elected it took writes that went to no other node.
    assert!(verdict.lost > 0, "{verdict:?}");
}

/// Whoever asks first gets the lease, however far behind: only a write that every node has survives
/// that, and one at `Everywhere` does not begin while a node cannot have it.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_13_when_a_node_that_lags_is_elected_no_write_at_everywhere_is_lost() {
    let stage = stage(APP, ConsulLease::default().in_namespaces(), |_| ());
    let done = call(&stage, 1, &insert(1, Level::Everywhere, 5_000));
    assert_eq!(done.class, Class::Value, "{done:?}");
    let end = lag_and_lead(&stage, || call(&stage, 1, &insert(2, Level::Everywhere, 2_000)));
    assert_ne!(end.class, Class::Value, "{end:?}");
    assert_eq!(rows(&stage, 1), 1);
    assert_eq!(rows(&stage, 2), 0, "{end:?}");
}

/// A primary that has lost its disk would erase the database on every node by creating it.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_13_a_primary_without_the_database_does_not_create_it() {
    let stage = stage(APP, Lease::consul(), |settings| settings.start_timeout_ms = 3_000);
    let done = call(&stage, 1, &insert(1, Level::Everywhere, 5_000));
    assert_eq!(done.class, Class::Value, "{done:?}");
    let cluster = stage.cluster();
    cluster.kill_litefs(2).unwrap();
    fs::remove_dir_all(cluster.data(2).join("dbs")).unwrap();
    cluster.pause(1).unwrap();
    cluster.kill_litefs(0).unwrap();
    stage.start_litefs(2).unwrap();
    assert_eq!(cluster.wait_primary(PATIENCE).unwrap(), 2);
    wait_role(&stage.apps()[2], "primary");
    // The application that ran on, and one that is started now.
    let mut tag = 10;
    wait::until(PATIENCE, || {
        tag += 1;
        let end = call(&stage, 2, &insert(tag, Level::Committed, 500));
        none_done(&end);
        if end.detail.as_deref().is_some_and(|why| why.contains("empty")) { Ok(()) } else { Err(end) }
    })
    .unwrap();
    stage.apps()[2].kill().unwrap();
    let refused = stage.apps()[2].start_again().map_err(|error| error.to_string());
    assert!(!cluster.mount(2).join("app.db").exists(), "{refused:?}");

    // Another gets the lease, and all is there.
    cluster.resume(1).unwrap();
    stage.start_litefs(0).unwrap();
    wait::until(ELECTION, || cluster.promote(1)).unwrap();
    if refused.is_err() {
        stage.start_app(2).unwrap();
    }
    stage.recover().unwrap();
    assert_eq!(rows(&stage, 1), 1);
}
