//! What the library makes of each fault of LiteFS that has to do with its files: the mount that dies,
//! and readers that keep LiteFS from its work. The numbers are those of the project's list of
//! LiteFS's faults.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::cluster::Lease;
use litefs_diesel_tests::faults::record::Class;
use litefs_diesel_tests::faults::single::{
    ELECTION, call, insert, others, stage, under_load, until_done, wait_opened,
};
use litefs_diesel_tests::faults::stage::{DATABASE, Stage};
use litefs_diesel_tests::faults::work::Level;
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// Which files of a folder a process has open, and whether for writing.
fn open_files(app: &AppProcess, folder: &Path) -> Vec<(String, bool)> {
    let proc = Path::new("/proc").join(app.pid().unwrap().to_string());
    let mut open = Vec::new();
    for file in fs::read_dir(proc.join("fd")).into_iter().flatten().flatten() {
        // Either may be closed by now.
        let Ok(path) = fs::read_link(file.path()) else { continue };
        let Ok(path) = path.strip_prefix(folder) else { continue };
        let Ok(info) = fs::read_to_string(proc.join("fdinfo").join(file.file_name())) else { continue };
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or_default();
        open.push((path.to_string_lossy().into_owned(), flags & 3 != 0));
    }
    open
}

/// LiteFS dies under an application: calls end by their deadlines, nothing of the dead mount is kept
/// open, and so LiteFS can start again, and the application goes on without a restart.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_06_an_application_outlives_the_crash_of_its_litefs() {
    under_load(APP, Lease::consul(), |stage| {
        for _ in 0..2 {
            // The dead mount stays for a while, as it does until a supervisor comes.
            let primary = stage.cluster().wait_primary(PATIENCE).unwrap();
            stage.cluster().crash_litefs(primary).unwrap();
            stage.cluster().wait_primary_other_than(primary, PATIENCE).unwrap();
            stage.start_litefs(primary).unwrap();
            stage.recover().unwrap();
        }
    });
}

/// A HALT commit that fails kills the replica's LiteFS. The library takes no HALT lock, and opens
/// nothing on a replica that it could write with.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_09_no_halt_lock_is_taken_and_a_replica_opens_nothing_for_writing() {
    under_load(APP, Lease::consul(), |stage| {
        let mut seen = 0;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            for node in [1, 2] {
                for (file, writes) in open_files(&stage.apps()[node], stage.cluster().mount(node)) {
                    assert!(!file.ends_with("-lock"), "node {node} has {file} open");
                    // SQLite opens a WAL and its shared memory for both, whatever it then does.
                    assert!(!writes || file != DATABASE, "node {node} has {file} open for writing");
                    seen += 1;
                }
            }
        }
        assert!(seen > 0, "nothing was ever open");
    });
}

/// Readers that read all the time keep LiteFS from applying anything: the library holds them back while
/// somebody waits for a write.
#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stderr, reason = "the figures are for people")]
fn fault_10_busy_readers_do_not_starve_the_writes_that_somebody_waits_for() {
    let stage = stage(APP, Lease::consul(), |_| ());
    let stage = &stage;
    let mut times = std::thread::scope(|scope| {
        let reading = [1, 2].map(|node| {
            scope.spawn(move || stage.apps()[node].call::<u64>("faults_readers", (5, 5_000)).unwrap())
        });
        let mut times = Vec::new();
        let begun = Instant::now();
        for tag in 1.. {
            if begun.elapsed() > Duration::from_secs(4) {
                break;
            }
            let at = Instant::now();
            let end = call(stage, 1 + tag as usize % 2, &insert(tag, Level::Visible, 5_000));
            assert_eq!(end.class, Class::Value, "{end:?}");
            times.push(at.elapsed());
        }
        for reads in reading {
            assert!(reads.join().unwrap() > 100, "nobody read");
        }
        times
    });
    times.sort_unstable();
    let (half, most) = (times[times.len() / 2], times[times.len() * 95 / 100]);
    eprintln!("{} writes, p50 {half:?}, p95 {most:?}", times.len());
    // The bench holds the true limit; two busy nodes on a machine that is shared get more.
    assert!(most < Duration::from_secs(1), "{most:?}");
}

/// A read that stays open keeps LiteFS from applying anything and even from an election: the library
/// ends it in time.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_11_reads_that_stay_open_do_not_hold_up_an_election() {
    let stage = stage(APP, Lease::consul(), |_| ());
    let stage = &stage;
    for tag in 1..=5 {
        let _ = until_done(stage, 0, 100 * tag);
    }
    held(stage, "faults_snapshot", true);
    // What a stream has read is in memory, or it is ended.
    held(stage, "faults_stream", false);
}

/// Both survivors have a read open, and the primary's LiteFS dies.
fn held(stage: &Stage, read: &'static str, ended: bool) {
    const HELD_MS: u64 = 14_000;
    let primary = stage.cluster().wait_primary(PATIENCE).unwrap();
    stage.recover().unwrap();
    std::thread::scope(|scope| {
        let reading = others(primary).map(|node| {
            let before = litefs_diesel_tests::faults::single::opened(stage, node);
            let app = &stage.apps()[node];
            let reading = scope.spawn(move || app.call_within::<i64>(PATIENCE, read, HELD_MS));
            wait_opened(stage, node, before + 1);
            reading
        });
        stage.cluster().kill_litefs(primary).unwrap();
        stage.cluster().wait_primary_other_than(primary, ELECTION + Duration::from_secs(2)).unwrap();
        assert!(reading.iter().any(|reading| !reading.is_finished()), "they were not open");
        for reading in reading {
            let read = reading.join().unwrap();
            assert!(!ended || read.is_err(), "a snapshot of 14 s: {read:?}");
        }
    });
    stage.start_litefs(primary).unwrap();
    stage.recover().unwrap();
    wait::until(PATIENCE, || stage.cluster().wait_primary(Duration::ZERO)).unwrap();
}

/// When its lease goes, LiteFS cuts a node's `-shm` off behind its first block, of which there is one for each
/// 4,062 pages in the WAL. Whoever has more of it mapped, and writes that much again, ends by SIGBUS: the
/// library has unmapped it by then.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_18_an_application_outlives_that_litefs_cuts_off_its_shared_memory() {
    const LARGE: &str = "INSERT INTO fault_large VALUES (zeroblob(20000000))";
    let stage = stage(APP, Lease::consul(), |settings| settings.timeout_ms = 20_000);
    let app = &stage.apps()[0];
    let shared_memory = || fs::metadata(stage.site().database(0, "app.db-shm")).map(|file| file.len());
    app.call::<usize>("execute", "CREATE TABLE fault_large (a)").unwrap();
    for _ in 0..2 {
        app.call::<usize>("execute", LARGE).unwrap();
        let read: Option<i64> = app.call("number", "SELECT count(*) AS n FROM fault_large").unwrap();
        assert!(read > Some(0));
        assert!(shared_memory().unwrap() > 32_768, "it has one block: {:?}", shared_memory());
        for node in [1, 0] {
            wait::until(PATIENCE, || stage.cluster().promote(node)).unwrap();
            stage.recover().unwrap();
        }
        assert!(shared_memory().unwrap() <= 32_768, "LiteFS did not cut it off: {:?}", shared_memory());
    }
    assert_eq!(stage.bus_errors(), 0);
}

/// LiteFS dies while SQLite looks into `-shm`, which it has mapped and which LiteFS has changed since: the
/// kernel cannot bring the page any more, and ends the application by SIGBUS. Nobody can catch that in safe
/// code: it is started again, as its supervisor would, and goes on.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn fault_19_an_application_whose_litefs_dies_under_a_read_goes_on_when_it_is_started_again() {
    let stage = stage(APP, Lease::consul(), |_| ());
    let app = &stage.apps()[1];
    let count = || app.call::<Option<i64>>("number", "SELECT count(*) AS n FROM fault_entries");
    // Each reader has its file open, and what they have mapped of it is not what LiteFS has.
    for _ in 0..20 {
        count().unwrap();
    }
    let done = call(&stage, 0, &insert(1, Level::Everywhere, 5_000));
    assert_eq!(done.class, Class::Value, "{done:?}");
    stage.cluster().pause(1).unwrap();
    std::thread::scope(|scope| {
        let reads: Vec<_> = (0..6).map(|_| scope.spawn(count)).collect();
        let hang = || if in_litefs(app) >= reads.len() { Ok(()) } else { Err("no read hangs") };
        wait::until(PATIENCE, hang).unwrap();
        stage.cluster().crash_litefs(1).unwrap();
        for read in reads {
            assert!(read.join().unwrap().is_err());
        }
    });
    stage.start_litefs(1).unwrap();
    stage.recover().unwrap();
    assert_eq!(stage.bus_errors(), 1, "LiteFS, or SQLite, has mended it");
    assert!(count().unwrap() > Some(0));
}

/// How many threads of a process wait for an answer of LiteFS.
fn in_litefs(app: &AppProcess) -> usize {
    let threads = Path::new("/proc").join(app.pid().unwrap().to_string()).join("task");
    let threads = fs::read_dir(threads).into_iter().flatten().flatten();
    let waits_in = threads.filter_map(|thread| fs::read_to_string(thread.path().join("wchan")).ok());
    waits_in
        .filter(|function| function.contains("request_wait_answer") || function.contains("folio_wait"))
        .count()
}
