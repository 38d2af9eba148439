//! Writes while readers of the replica never pause: LiteFS applies a transaction only when it finds
//! no reader at all, so readers that are not held back keep it from ever doing so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use litefs_diesel_tests::bench::{Contest, Failure, Line, Outcome, Target, percentile};

use crate::context::{Context, Site};
use crate::library;
use crate::operation::{Op, millis, read_op};
use crate::primary::{Insert, PositionFile, run};
use crate::schema::{Shape, connect, connect_to_read};

const READERS: usize = 5;

/// Long enough that there is always one under way, as it must be to starve replication. (Reads of
/// one row mostly measure whether SQLite's connections of one process happen to share their lock,
/// which makes them up to five times as fast.)
const READ: Shape = Shape::Rows(500);

/// When each next write begins, at the earliest.
const PACE: Duration = Duration::from_millis(50);

/// Where the wait for a starved write is given up; it then counts as this long.
const STARVED: Duration = Duration::from_secs(2);

/// How long the hand-made gate holds a read back at most.
const HELD: Duration = Duration::from_millis(50);

const P99: f64 = 100.0;
const READS_KEPT: Target = Target::AtLeast(0.67, None);

struct Round {
    reads: f64,
    /// Milliseconds until visible on the replica.
    writes: Vec<f64>,
}

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    let Some(site) = context.site() else { return Ok(Vec::new()) };
    let window = Duration::from_millis(context.options.amount(800, 2_500));
    let gate = Arc::new(AtomicBool::new(false));
    let ours = library::replicated(site)?;
    let mut contest = Contest::new()
        .enter("undisturbed", || {
            saturated(bare_readers(site, None)?, window, || {
                std::thread::sleep(PACE);
                Ok(())
            })
        })
        .enter("ungated", || saturated(bare_readers(site, None)?, window, bare_write(site, None)?))
        .enter("gated", || {
            saturated(bare_readers(site, Some(&gate))?, window, bare_write(site, Some(&gate))?)
        });
    if let Some(ours) = &ours {
        let op = ours.write()?;
        contest = contest.enter("ours", move || {
            let readers = (0..READERS).map(|_| ours.on_connection(READ)).collect::<Outcome<Vec<_>>>()?;
            saturated(readers, window, || context.runtime.block_on(op()))
        });
    }
    // Few rounds: a starved one lasts.
    let results = contest.run(context.options.amount(2, 4))?;
    let reads = |name| results.series(name, |round: &Round| round.reads);
    let p99 = |name| {
        let all: Vec<f64> = results.rounds(name)?.iter().flat_map(|round| round.writes.clone()).collect();
        Some(vec![percentile(&all, 0.99)])
    };
    let what = format!("{READERS} readers without a pause on the replica, 20 writes/s");
    Ok(vec![
        Line::value(format!("{what}: a write's p99"), "ms", p99("ours"), P99),
        Line::reference(format!("{what}: a write's p99, bare readers"), "ms", p99("ungated")),
        Line::reference(format!("{what}: a write's p99, a hand-made gate"), "ms", p99("gated")),
        Line::compare(
            format!("{what}: reads / bare readers while nobody writes"),
            "reads/s",
            reads("ours"),
            reads("undisturbed"),
            Some(READS_KEPT),
        ),
        Line::compare(
            format!("{what}: reads / bare readers, which starve the writes"),
            "reads/s",
            reads("ours"),
            reads("ungated"),
            None,
        ),
        Line::reference(format!("{what}: reads with a hand-made gate"), "reads/s", reads("gated")),
    ])
}

/// Lets every reader read without a pause for `window`, and writes meanwhile.
fn saturated(readers: Vec<Op>, window: Duration, mut write: impl FnMut() -> Outcome<()>) -> Outcome<Round> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let begin = Instant::now();
        let threads: Vec<_> = readers
            .into_iter()
            .map(|mut read| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut done = 0.0;
                    while !stop.load(Ordering::Relaxed) {
                        read()?;
                        done += 1.0;
                    }
                    Ok::<f64, Failure>(done)
                })
            })
            .collect();
        let mut writes = Vec::new();
        let mut failed = None;
        while begin.elapsed() < window && failed.is_none() {
            let write_begin = Instant::now();
            failed = write().err();
            writes.push(millis(write_begin.elapsed()));
            std::thread::sleep(PACE.saturating_sub(write_begin.elapsed()));
        }
        stop.store(true, Ordering::Relaxed);
        let mut reads = 0.0;
        for thread in threads {
            reads += thread.join().map_err(|_| "a reader panicked")??;
        }
        match failed {
            Some(why) => Err(why),
            None => Ok(Round { reads: reads / begin.elapsed().as_secs_f64(), writes }),
        }
    })
}

/// Readers on bare connections, which look at the gate before each read where there is one.
fn bare_readers(site: &Site, gate: Option<&Arc<AtomicBool>>) -> Outcome<Vec<Op>> {
    (0..READERS)
        .map(|_| {
            let mut read = read_op(connect_to_read(&site.database(1))?, READ);
            let Some(gate) = gate.cloned() else { return Ok(read) };
            let gated: Op = Box::new(move || {
                let begin = Instant::now();
                while gate.load(Ordering::Acquire) && begin.elapsed() < HELD {
                    std::thread::sleep(Duration::from_micros(200));
                }
                read()
            });
            Ok(gated)
        })
        .collect()
}

/// A commit on the primary and the wait for it, closing the gate meanwhile where there is one.
fn bare_write(site: &Site, gate: Option<&Arc<AtomicBool>>) -> Outcome<impl FnMut() -> Outcome<()>> {
    let mut conn = connect(&site.database(0))?;
    let mut primary = PositionFile::open(&site.database(0))?;
    let mut replica = PositionFile::open(&site.database(1))?;
    let gate = gate.cloned().unwrap_or_default();
    Ok(move || {
        run(&mut conn, &Insert(1))?;
        let target = primary.txid()?;
        gate.store(true, Ordering::Release);
        // Not getting there is what is measured here, not a failure.
        let reached = replica.reaches(target, STARVED);
        gate.store(false, Ordering::Release);
        reached.map(drop)
    })
}
