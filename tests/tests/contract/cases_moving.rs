//! The body of Diesel cases on a replica whose primary moves all the time: each ends as on a bare
//! `SqliteConnection`, or says honestly that it did not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::Connection;
use diesel::connection::SimpleConnection;
use litefs_diesel_tests::app::AppError;
use litefs_diesel_tests::cases::{Scope, on_bare};
use litefs_diesel_tests::cluster::ConsulLease;
use litefs_diesel_tests::faults::record::Process;
use litefs_diesel_tests::faults::stage::Stage;
use serde_json::Value;

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// How often a case may end with an outcome that is not its own, but honest. Each comes through in the end.
const TRIES: u32 = 6;

/// How long each of the two others is primary; twice as long with each further try of a case, for one takes ten
/// seconds, row by row.
const TERM: Duration = Duration::from_millis(1_500);

/// What the reference sees. In WAL mode, as the database of all nodes is.
fn reference() -> BTreeMap<&'static str, Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bare.db");
    let mut conn = on_bare::Conn::establish(&file.to_string_lossy()).unwrap();
    conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
    let mut all = on_bare::run_all(&mut conn, Scope::Everywhere);
    // Not in WAL mode: a bare pool that closes its connections does not wait for its own lock.
    let file = folder.path().join("bare-with-url.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    all.extend(runtime.block_on(on_bare::run_with_url(&file.to_string_lossy())));
    all
}

/// Whether somewhere in what a case saw there is an outcome that tells that not all went as ever: its
/// text, or its name where the case panicked over it.
fn is_honest(seen: &Value) -> bool {
    const WORDS: &[&str] = &[
        "it was not executed",
        "nobody can tell whether",
        "the write is committed at",
        "it is lost",
        "the read was not done by its deadline",
        "NotExecuted",
        "CommittedNotVisible",
    ];
    let text = seen.to_string();
    WORDS.iter().any(|word| text.contains(word))
}

fn lost(records: &std::path::Path) -> usize {
    Process::read_all(records).unwrap().iter().map(|process| process.lost.len()).sum()
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stderr, reason = "the counts are for people")]
fn while_the_primary_moves_each_case_gives_on_a_replica_what_bare_sqlite_gives_or_says_why_not() {
    let reference = reference();
    let records = tempfile::tempdir().unwrap();
    // Node 2 is a replica for ever.
    let stage = Stage::set(APP, ConsulLease::default().candidates([0, 1]), |settings| {
        settings.timeout_ms = 3_000;
        settings.record = Some(records.path().to_owned());
    })
    .unwrap();
    stage.recover().unwrap();
    let (over, moves, tried) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicU32::new(1));
    let (wrong, honest, again) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let to = usize::from(stage.cluster().primary() == Some(0));
                // LiteFS gives a hand-off up by itself when the two do not agree in time, and may end.
                let moved = stage.cluster().promote(to).is_ok();
                moves.fetch_add(usize::from(moved), Ordering::Relaxed);
                stage.revive().unwrap();
                let since = Instant::now();
                let is_over = || {
                    over.load(Ordering::Relaxed)
                        || since.elapsed() >= TERM * 2_u32.pow(tried.load(Ordering::Relaxed) - 1)
                };
                while !is_over() {
                    std::thread::sleep(TERM / 10);
                }
            }
        });
        let (mut wrong, mut honest, mut again) = (Vec::new(), Vec::new(), 0);
        for (name, expected) in &reference {
            let mut ended = Err(Vec::new());
            for time in 1..=TRIES {
                tried.store(time, Ordering::Relaxed);
                let before = lost(records.path());
                let seen = match stage.apps()[2].call::<Value>("case", name) {
                    Ok(seen) => seen,
                    // The connection could not be opened.
                    Err(AppError::Refused(why)) => why,
                    Err(error) => {
                        over.store(true, Ordering::Relaxed);
                        panic!("{name}: {error}");
                    }
                };
                if seen == *expected {
                    ended = Ok(());
                    break;
                }
                // What a failover has dropped is told, if not to the statement.
                if !is_honest(&seen) && lost(records.path()) == before {
                    wrong.push(format!("{name}\n  bare: {expected}\n  here: {seen}"));
                    ended = Ok(());
                    break;
                }
                again += 1;
                if let Err(all) = &mut ended {
                    all.push(seen.to_string());
                }
            }
            if let Err(all) = ended {
                honest.push(format!("{name}: {}", all.last().cloned().unwrap_or_default()));
            }
        }
        over.store(true, Ordering::Relaxed);
        (wrong, honest, again)
    });
    let moves = moves.load(Ordering::Relaxed);
    eprintln!(
        "{} cases, the primary moved {moves} times; {again} honest outcomes, after which a case ran again; \
         {} cases that had {TRIES} of them: {honest:#?}",
        reference.len(),
        honest.len()
    );
    assert!(wrong.is_empty(), "{} cases saw what is not so:\n{}", wrong.len(), wrong.join("\n"));
    assert!(moves >= 5, "the primary moved {moves} times: that proves little");
    assert!(honest.is_empty(), "{} cases never came through", honest.len());
    stage.recover().unwrap();
}
