//! An application that is killed with writes in flight: the ledger that its next start finds.
#![allow(missing_docs, reason = "a test is no library")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use litefs_diesel::__private::entries_of;
use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::contract::Site;
use litefs_diesel_tests::faults::tables;
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// Longer than a start takes.
const AMPLE: u64 = 20_000;

/// So many callers write at once in each application.
const CALLERS: usize = 6;

/// So many writes are acknowledged before each kill, and after it where one is alive.
const WRITES: usize = 60;

/// A process's tags begin with its number.
const PROCESS: i64 = 1_000_000;

/// What the callers were told.
#[derive(Default)]
struct Told {
    /// The row of each tag.
    rows: Mutex<BTreeMap<i64, i64>>,
    /// The tags that ended otherwise.
    failed: Mutex<BTreeMap<i64, String>>,
}

impl Told {
    fn write(&self, app: &AppProcess, tag: i64) -> bool {
        match app.call_within::<i64>(PATIENCE, "faults_id", (tag, AMPLE, None::<&str>)) {
            Ok(row) => self.rows.lock().unwrap().insert(tag, row).is_none(),
            Err(error) => {
                self.failed.lock().unwrap().insert(tag, error.to_string());
                false
            }
        }
    }

    fn wait_for(&self, more: usize) {
        let enough = self.rows.lock().unwrap().len() + more;
        let there = || match self.rows.lock().unwrap().len() {
            rows if rows >= enough => Ok(()),
            rows => Err(format!("{rows} of {enough}; {:?}", self.failed.lock().unwrap())),
        };
        wait::until(PATIENCE, there).unwrap();
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn an_application_killed_with_writes_in_flight_finds_a_whole_ledger_and_reuses_no_id() {
    let site = Site::start(2, APP);
    let apps = site.apps();
    for statement in tables::CREATE {
        apps[0].call::<usize>("execute", statement).unwrap();
    }
    let (told, next) = (Told::default(), AtomicI64::new(0));
    // The number of the process that each application is now.
    let mut processes = [1, 2];
    // The replica's, the primary's, which runs the writes of both, and both at once.
    for victims in [&[1][..], &[0], &[0, 1]] {
        let stop = AtomicBool::new(false);
        let failed = told.failed.lock().unwrap().len();
        std::thread::scope(|scope| {
            for (app, process) in apps.iter().zip(processes) {
                for _ in 0..CALLERS {
                    let (told, stop, next) = (&told, &stop, &next);
                    let tag = move || process * PROCESS + next.fetch_add(1, Ordering::Relaxed);
                    scope.spawn(move || while !stop.load(Ordering::Relaxed) && told.write(app, tag()) {});
                }
            }
            told.wait_for(WRITES);
            victims.iter().for_each(|&victim| apps[victim].kill().unwrap());
            for &victim in victims {
                apps[victim].start_again().unwrap();
                processes[victim] += 2;
            }
            if victims.len() < apps.len() {
                told.wait_for(WRITES);
            }
            stop.store(true, Ordering::Relaxed);
        });
        let cut = told.failed.lock().unwrap().len() - failed;
        assert_eq!(cut, CALLERS * victims.len(), "those of the others have their answers: {:?}", told.failed);
        for (app, process) in apps.iter().zip(processes) {
            let tag = process * PROCESS + next.fetch_add(1, Ordering::Relaxed);
            assert!(told.write(app, tag), "{:?}", told.failed);
        }
        site.wait_replicated();
        for node in 0..2 {
            check(&site.database(node, "app.db"), &told.rows.lock().unwrap());
        }
    }
}

#[derive(QueryableByName)]
struct LedgerRow {
    #[diesel(sql_type = Binary)]
    client: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    first: i64,
    #[diesel(sql_type = BigInt)]
    last: i64,
    #[diesel(sql_type = Binary)]
    entries: Vec<u8>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    tag: i64,
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// A node's file: whole, each write with one entry and each entry with its write, and each process with
/// ids of its own.
fn check(file: &Path, told: &BTreeMap<i64, i64>) {
    let mut conn = SqliteConnection::establish(&format!("file:{}?mode=ro", file.display())).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
    let said: Vec<Said> = diesel::sql_query("PRAGMA integrity_check").load(&mut conn).unwrap();
    assert_eq!(said.iter().map(|said| said.integrity_check.as_str()).collect::<Vec<_>>(), ["ok"]);
    // Both in one snapshot.
    let (rows, ledger) = conn
        .transaction(|conn| {
            let rows: Vec<Row> = diesel::sql_query("SELECT id, tag FROM fault_entries").load(conn)?;
            let ledger = "SELECT client, w.id & ((1 << 44) - 1) AS first, last, entries \
                          FROM __litefs_diesel_writes w LEFT JOIN __litefs_diesel_clients ON alias = w.id >> 44";
            QueryResult::Ok((rows, diesel::sql_query(ledger).load::<LedgerRow>(conn)?))
        })
        .unwrap();

    let tags: BTreeMap<i64, i64> = rows.iter().map(|row| (row.id, row.tag)).collect();
    let distinct: BTreeSet<i64> = tags.values().copied().collect();
    assert_eq!(distinct.len(), rows.len(), "a write ran twice");
    let (mut ids, mut entered) = (BTreeSet::new(), BTreeSet::new());
    let mut process_of = BTreeMap::new();
    for LedgerRow { client, first, last, entries } in &ledger {
        for (sequence, returned) in entries_of(entries).unwrap() {
            assert!((*first..=*last).contains(&i64::try_from(sequence).unwrap()), "{sequence}");
            assert!(ids.insert((client, sequence)), "an id was used twice: {sequence}");
            // The tables were made by statements that return nothing.
            let [row] = returned[..] else { continue };
            assert!(entered.insert(row), "two entries for the row {row}");
            let tag = tags.get(&row).unwrap_or_else(|| panic!("an entry without its write: row {row}"));
            let process = *process_of.entry(client).or_insert(tag / PROCESS);
            assert_eq!(process, tag / PROCESS, "two processes with one number");
        }
    }
    let without: Vec<_> = tags.keys().filter(|row| !entered.contains(row)).collect();
    assert!(without.is_empty(), "writes without their entries: {without:?}");
    for (tag, row) in told {
        assert_eq!(tags.get(row), Some(tag), "it was acknowledged");
    }
}
