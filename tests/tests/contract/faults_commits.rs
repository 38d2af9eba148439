//! What the library makes of each fault of LiteFS that has to do with commits. The numbers are those
//! of the project's list of LiteFS's faults.

use std::fs;
use std::time::Duration;

use litefs_diesel_tests::cluster::Lease;
use litefs_diesel_tests::contract::wait_role;
use litefs_diesel_tests::faults::load::Orders;
use litefs_diesel_tests::faults::play::Played;
use litefs_diesel_tests::faults::record::{Class, End};
use litefs_diesel_tests::faults::schedule::{Fault, Step, Whose};
use litefs_diesel_tests::faults::single::{
    call, check, insert, opened, others, rows, stage, under_load, until_done, wait_opened,
};
use litefs_diesel_tests::faults::stage::Stage;
use litefs_diesel_tests::faults::work::{LEVELS, Level};
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// Whether it happened: LiteFS may refuse a hand-off, and end by itself over one.
fn play(stage: &Stage, fault: Fault, choice: u64) -> bool {
    let lasts = Duration::from_millis(300);
    let played = stage.play(&Step { fault, choice, lasts, rest: Duration::ZERO }).unwrap();
    stage.recover().unwrap();
    matches!(played, Played::Happened(_))
}

/// A COMMIT that returned OK in the middle of a hand-off is not safe: the writer looks again before
/// it says so, and what is lost all the same is told.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_02_writes_acknowledged_in_a_hand_off_are_there_or_reported() {
    under_load(APP, Lease::consul(), |stage| {
        let moved = (0..4).filter(|&choice| play(stage, Fault::HandOff, choice)).count();
        assert!(moved >= 2, "the lease moved {moved} times of 4");
    });
}

/// LiteFS dies between COMMIT and the position: the write is settled by the ledger of the next
/// primary, or its outcome is unknown.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_03_writes_whose_litefs_dies_behind_their_commit_are_settled_or_unknown() {
    under_load(APP, Lease::consul(), |stage| {
        for choice in 0..2 {
            assert!(play(stage, Fault::KillLitefs(Whose::Primary), choice), "LiteFS had ended by itself");
        }
    });
}

/// The COMMIT of a transaction that was open when the lease went away fails with an I/O error.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_05_a_transaction_in_flight_at_hand_off_is_not_executed_or_settled() {
    let stage = stage(APP, Lease::consul(), |_| ());
    for round in 0..4 {
        let primary = stage.cluster().wait_primary(PATIENCE).unwrap();
        // In turn the primary's own and that of a replica.
        let (node, tag) = (if round % 2 == 0 { primary } else { others(primary)[0] }, 100 + round);
        let end: End = std::thread::scope(|scope| {
            let before = opened(&stage, node);
            let open = scope.spawn(|| stage.apps()[node].call("faults_slow", (tag, 700)).unwrap());
            wait_opened(&stage, node, before + 1);
            stage.cluster().promote(others(primary)[1]).unwrap();
            open.join().unwrap()
        });
        let there = rows(&stage, tag);
        match end.class {
            Class::Value => assert_eq!(there, 2, "round {round}: {end:?}"),
            Class::NotExecuted => assert_eq!(there, 0, "round {round}: {end:?}"),
            _ => panic!("round {round}: {there} rows, {end:?}"),
        }
        let _ = until_done(&stage, node, 1_000 * (round + 1));
    }
}

/// The same with a closure that may run again: it does, on the next primary, and what it did before is nowhere.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_05_a_retrying_transaction_in_flight_at_hand_off_runs_again_and_is_done_once() {
    let stage = stage(APP, Lease::consul(), |_| ());
    let mut again = 0;
    for round in 0..4 {
        let primary = stage.cluster().wait_primary(PATIENCE).unwrap();
        let (node, tag) = (if round % 2 == 0 { primary } else { others(primary)[0] }, 100 + round);
        let runs: usize = std::thread::scope(|scope| {
            let before = opened(&stage, node);
            let open = scope.spawn(|| stage.apps()[node].call("faults_retrying", (tag, 700)).unwrap());
            wait_opened(&stage, node, before + 1);
            // LiteFS may end over it, or give it up: what matters is what the caller is told.
            let _ = stage.cluster().promote(others(primary)[1]);
            stage.revive().unwrap();
            open.join().unwrap()
        });
        stage.recover().unwrap();
        assert_eq!(rows(&stage, tag), 2, "round {round}: it ran {runs} times");
        again += usize::from(runs > 1);
    }
    assert!(again >= 2, "it ran again {again} times of 4: that proves little");
}

/// A reader on the primary may see a commit before LiteFS has it, so a position that was read beside
/// a write may be one before it: the position that is handed out is the write's own.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_14_the_position_of_a_write_on_the_primary_is_its_own() {
    let stage = stage(APP, Lease::consul(), |_| ());
    let stage = &stage;
    std::thread::scope(|scope| {
        for writer in 1..=4 {
            scope.spawn(move || {
                for number in 0..50 {
                    let tag = 1_000 * writer + number;
                    let end = call(stage, 0, &insert(tag, Level::Committed, 5_000));
                    let Some(position) = end.position.filter(|_| end.class == Class::Value) else {
                        panic!("{:?}: {:?}", end.class, end.detail);
                    };
                    let sql = format!("SELECT count(*) AS n FROM fault_entries WHERE tag = {tag}");
                    for replica in [1, 2] {
                        let seen: Option<i64> =
                            stage.apps()[replica].call("number_at", (&position, &sql)).unwrap();
                        assert_eq!(seen, Some(1), "at {position} node {replica} does not have {tag}");
                    }
                }
            });
        }
    });
}

/// A COMMIT that fails with an I/O error may have happened, which "the database said no" would deny.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_15_an_input_output_error_of_a_commit_is_never_a_rejection() {
    let stage = stage(APP, Lease::consul(), |_| ());
    let stage = &stage;
    let mut told = Vec::new();
    for round in 1..=3 {
        let primary = stage.cluster().wait_primary(PATIENCE).unwrap();
        let ends: Vec<End> = std::thread::scope(|scope| {
            let writer = |writer: i64| {
                scope.spawn(move || {
                    let (node, tags) = (writer as usize % 3, (10_000 * round + 1_000 * writer)..);
                    let mut ends = Vec::new();
                    for tag in tags {
                        ends.push(call(stage, node, &insert(tag, Level::Committed, 1_000)));
                        if ends.last().is_some_and(|end| end.class != Class::Value) {
                            return ends;
                        }
                    }
                    ends
                })
            };
            let writers = [0, 1, 2, 3, 4, 5].map(writer);
            wait::until(PATIENCE, || {
                if stage.tags(primary).unwrap().iter().any(|tag| tag / 10_000 == round) {
                    Ok(())
                } else {
                    Err(())
                }
            })
            .unwrap();
            stage.cluster().kill_litefs(primary).unwrap();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        stage.start_litefs(primary).unwrap();
        stage.recover().unwrap();
        told.extend(ends);
    }
    for End { tag, class, detail, .. } in told {
        let there = rows_now(stage, tag);
        match class {
            Class::Rejected | Class::Other | Class::Lost => panic!("{tag}: {class:?}: {detail:?}"),
            Class::NotExecuted => assert_eq!(there, 0, "{tag}: {detail:?}"),
            _ => assert!(there <= 1, "{tag} is there {there} times: {detail:?}"),
        }
    }
}

fn rows_now(stage: &Stage, tag: i64) -> usize {
    stage.tags(0).unwrap().iter().filter(|&&is| is == tag).count()
}

/// A disk that is full: LiteFS says so, or ends. Nobody is told that a write is done which is not, and
/// it goes on when there is room again.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_15_with_the_primarys_disk_full_nothing_is_told_that_is_not_so() {
    const DISK: u64 = 16 << 20;
    let stage = stage(APP, Lease::consul(), |_| ());
    let cluster = stage.cluster();
    cluster.kill_litefs(2).unwrap();
    cluster.give_small_disk(2, DISK).unwrap();
    stage.start_litefs(2).unwrap();
    wait::until(PATIENCE, || cluster.promote(2)).unwrap();
    stage.recover().unwrap();

    let filler = cluster.data(2).join("filler");
    let full = fs::write(&filler, vec![0; DISK as usize]);
    assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    let ends: Vec<_> =
        (1..=12).map(|tag| call(&stage, tag as usize % 3, &insert(tag, Level::Committed, 1_000))).collect();
    assert!(ends.iter().any(|end| end.class != Class::Value), "the disk was not full: {ends:?}");
    fs::remove_file(&filler).unwrap();
    stage.recover().unwrap();
    for end in ends {
        let there = rows(&stage, end.tag);
        match end.class {
            Class::Value | Class::Committed => assert_eq!(there, 1, "{end:?}"),
            Class::Rejected | Class::NotExecuted => assert_eq!(there, 0, "{end:?}"),
            Class::Unknown => assert!(there <= 1, "{there} rows: {end:?}"),
            Class::Lost | Class::Other => panic!("{end:?}"),
        }
    }
}

/// A node that is primary again is not the primary it was when a write began: the role is counted, not
/// looked at.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_16_a_lease_that_goes_and_comes_back_is_not_the_same_lease() {
    let records = tempfile::tempdir().unwrap();
    let stage = stage(APP, Lease::consul(), |settings| settings.record = Some(records.path().to_owned()));
    // LiteFS gives a hand-off up by itself when the two do not agree in time, and may end over one.
    let goes_and_comes_back = |stage: &Stage| {
        for node in [1, 0] {
            wait::until(PATIENCE, || stage.revive().and_then(|()| stage.cluster().promote(node))).unwrap();
        }
    };
    let tag = 1;
    let end: End = std::thread::scope(|scope| {
        let before = opened(&stage, 0);
        let open = scope.spawn(|| stage.apps()[0].call("faults_slow", (tag, 8_000)).unwrap());
        wait_opened(&stage, 0, before + 1);
        goes_and_comes_back(&stage);
        wait_role(&stage.apps()[0], "primary");
        assert!(!open.is_finished(), "it was to be open all the while");
        open.join().unwrap()
    });
    assert_eq!((end.class, rows(&stage, tag)), (Class::NotExecuted, 0), "{end:?}");

    stage.start_load(Orders::new(1, LEVELS)).unwrap();
    for round in 0..4 {
        // Every other time the application sees nothing of it while it happens: before and after it its
        // node is primary. A transaction that is open just then keeps LiteFS from it.
        let blind = round % 2 == 1;
        if blind {
            stage.apps()[0].pause().unwrap();
        }
        let there_and_back = [1, 0].map(|node| stage.cluster().promote(node));
        if blind {
            stage.apps()[0].resume().unwrap();
        }
        if there_and_back.iter().any(Result::is_err) {
            goes_and_comes_back(&stage);
        }
        stage.recover().unwrap();
    }
    check(&stage, records.path());
}
