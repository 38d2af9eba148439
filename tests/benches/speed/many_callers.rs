//! Many callers on the replica, each back when its write is visible there, against the floor and
//! against one commit a write; with the data on disk, and on tmpfs where there is one.

use std::path::Path;

use litefs_diesel_tests::bench::{Contest, Line, Outcome, Target};

use crate::context::{Context, Site};
use crate::floor::Floor;
use crate::library;
use crate::operation::{AsyncOp, rate};
use crate::primary::{Insert, run};
use crate::schema::connect;

/// How many callers, and the least part of the floor that is asked for.
const CALLERS: [(usize, Target); 2] =
    [(64, Target::AtLeast(0.6, Some(0.8))), (512, Target::AtLeast(0.4, Some(0.6)))];
const AGAINST_SINGLE: Target = Target::AtLeast(10.0, None);

/// The position is looked at for the node, not for each waiter: with 512 of them as often as with
/// 64, and a tenth for what timing does. (A single caller waits only part of the time.)
const READS_FLAT: Target = Target::AtMost(1.1, None);

const TMPFS: &str = "/dev/shm";

/// What a round measures, both a second.
struct Round {
    writes: f64,
    position_reads: f64,
}

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    let Some(site) = context.site() else { return Ok(Vec::new()) };
    let mut lines = compare(context, site)?;
    if site.file_system != "tmpfs" && Path::new(TMPFS).is_dir() {
        if let Some(site) = context.site_in(Path::new(TMPFS)) {
            lines.extend(compare(context, &site)?);
        }
    } else {
        context.note(format!("left out: many callers with the data on tmpfs; no {TMPFS} beside the disk"));
    }
    Ok(lines)
}

fn compare(context: &Context, site: &Site) -> Outcome<Vec<Line>> {
    let floor = Floor::start(&site.database(0), &site.database(1))?;
    let ours = library::replicated(site)?;
    let mut contest = Contest::new().enter("single", single(context, site)?);
    for callers in [1, 64, 512] {
        let (op, floor) = (floor.write()?, &floor);
        contest = contest.enter(format!("floor {callers}"), move || {
            round(context, callers, &op, || floor.position_reads())
        });
        if let Some(ours) = &ours {
            let op = ours.write()?;
            contest = contest.enter(format!("ours {callers}"), move || {
                round(context, callers, &op, || ours.position_reads())
            });
        }
    }
    let results = contest.run(context.options.rounds())?;

    let place = &site.file_system;
    let writes = |name: &str| results.series(name, |round| round.writes);
    let reads = |name: &str| results.series(name, |round| round.position_reads);
    let mut lines = Vec::new();
    for (callers, target) in CALLERS {
        let ours = writes(&format!("ours {callers}"));
        let what = |reference| format!("{callers} callers, data on {place}: ours / {reference}");
        let floor = writes(&format!("floor {callers}"));
        lines.push(Line::compare(
            what("the floor (group commit alone)"),
            "writes/s",
            ours.clone(),
            floor,
            Some(target),
        ));
        lines.push(Line::compare(
            what("one commit a write"),
            "writes/s",
            ours,
            writes("single"),
            Some(AGAINST_SINGLE),
        ));
    }
    lines.push(Line::reference(
        format!("the floor with one caller, data on {place}"),
        "writes/s",
        writes("floor 1"),
    ));
    lines.push(Line::compare(
        format!("position reads with 512 waiters / with 64, data on {place}"),
        "reads/s",
        reads("ours 512"),
        reads("ours 64"),
        Some(READS_FLAT),
    ));
    for callers in [1, 64, 512] {
        let per_write = |who: &str| {
            let name = format!("{who} {callers}");
            results.series(&name, |round| round.position_reads / round.writes)
        };
        lines.push(Line::compare(
            format!("position reads a write, {callers} waiters, data on {place}: ours / the floor"),
            "",
            per_write("ours"),
            per_write("floor"),
            None,
        ));
    }
    Ok(lines)
}

fn round(context: &Context, callers: usize, op: &AsyncOp, reads: impl Fn() -> u64) -> Outcome<Round> {
    let (before, begin) = (reads(), std::time::Instant::now());
    let writes = rate(&context.runtime, callers, context.options.window(), op)?;
    let position_reads = (reads() - before) as f64 / begin.elapsed().as_secs_f64();
    Ok(Round { writes, position_reads })
}

/// What an application without group commit does on the primary, waiting for nothing else.
fn single(context: &Context, site: &Site) -> Outcome<impl FnMut() -> Outcome<Round>> {
    let window = context.options.window();
    let mut conn = connect(&site.database(0))?;
    Ok(move || {
        let begin = std::time::Instant::now();
        let mut writes = 0.0;
        while begin.elapsed() < window {
            run(&mut conn, &Insert(1))?;
            writes += 1.0;
        }
        Ok(Round { writes: writes / begin.elapsed().as_secs_f64(), position_reads: 0.0 })
    })
}
