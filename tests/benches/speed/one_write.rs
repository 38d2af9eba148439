//! How long one write takes, nobody else writing: from the replica, against a bare commit on the
//! primary and the wait for it, and against LiteFS's HALT lock.

use litefs_diesel_tests::bench::{Contest, Line, Outcome, Results, Target, percentile};

use crate::context::{Context, Site};
use crate::halt::HaltWriter;
use crate::library;
use crate::operation::{latencies, millis};
use crate::primary::{Insert, Replication, run};
use crate::schema::{self, connect};

const AGAINST_BARE: Target = Target::AtMost(1.25, Some(1.15));
const AGAINST_HALT: Target = Target::AtMost(0.3, None);

/// A database of its own: a connection of the replica's that may write is a danger to one that
/// others write.
const HALT_DATABASE: &str = "halt.db";

/// What one round measures, in milliseconds: the whole, and of it the commit alone.
struct Round {
    whole: Vec<f64>,
    commit: Vec<f64>,
}

impl Round {
    fn of(whole: Vec<f64>) -> Self {
        Self { whole, commit: Vec::new() }
    }
}

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    let Some(site) = context.site() else { return Ok(Vec::new()) };
    let times = context.options.amount(40, 100);
    // It outlives its operation, which the contest owns.
    let ours = library::replicated(site)?;
    let mut contest =
        Contest::new().enter("bare", bare(site, times)?).enter("halt", halt(context, site, times / 2)?);
    if let Some(ours) = &ours {
        let op = ours.write()?;
        contest = contest
            .enter("ours", move || Ok(Round::of(latencies(times, || context.runtime.block_on(op()))?)));
    }
    let results = contest.run(context.options.rounds())?;
    Ok(lines(&results))
}

/// A commit on the primary, then the wait until the replica has its position.
fn bare(site: &Site, times: u32) -> Outcome<impl FnMut() -> Outcome<Round>> {
    let mut conn = connect(&site.database(0))?;
    let mut replication = Replication::of(site)?;
    Ok(move || {
        let mut commit = Vec::new();
        let whole = latencies(times, || {
            let begin = std::time::Instant::now();
            run(&mut conn, &Insert(1))?;
            commit.push(millis(begin.elapsed()));
            replication.wait()
        })?;
        Ok(Round { whole, commit })
    })
}

fn halt(context: &Context, site: &Site, times: u32) -> Outcome<impl FnMut() -> Outcome<Round>> {
    let database = |node| site.cluster.mount(node).join(HALT_DATABASE);
    // WAL is what the other contenders write in. A HALT commit that *fails* in it kills the
    // replica's LiteFS; here nobody else writes, and the lock is held for milliseconds of its 30 s.
    schema::create_with(&database(0), HALT_MODE)?;
    site.cluster.wait_replicated(0, HALT_DATABASE)?;
    context.note(format!("the HALT lock is measured in journal mode {HALT_MODE}"));
    let mut writer = HaltWriter::open(&database(1))?;
    Ok(move || Ok(Round::of(latencies(times, || writer.write(1))?)))
}

const HALT_MODE: &str = "WAL";

fn lines(results: &Results<Round>) -> Vec<Line> {
    let series = |name: &str, part| results.series(name, |round: &Round| percentile(&round.whole, part));
    // A round has too few for its own p99: that of all.
    let pooled = |name: &str| {
        let all: Vec<f64> = results.rounds(name)?.iter().flat_map(|round| round.whole.clone()).collect();
        Some(vec![percentile(&all, 0.99)])
    };
    let commit = results.series("bare", |round| percentile(&round.commit, 0.5));
    let what = "one write from the replica until visible there";
    vec![
        Line::compare(
            format!("{what}, p50 / bare commit on the primary and the wait for its position"),
            "ms",
            series("ours", 0.5),
            series("bare", 0.5),
            Some(AGAINST_BARE),
        ),
        Line::compare(format!("{what}, p99 / the same"), "ms", pooled("ours"), pooled("bare"), None),
        Line::compare(
            format!("{what}, p50 / a write under LiteFS's HALT lock"),
            "ms",
            series("ours", 0.5),
            series("halt", 0.5),
            Some(AGAINST_HALT),
        ),
        Line::compare(format!("{what}, p99 / the same"), "ms", pooled("ours"), pooled("halt"), None),
        Line::compare(
            "what any forwarding can have against the HALT lock: bare commit and wait, p50 / HALT lock",
            "ms",
            series("bare", 0.5),
            series("halt", 0.5),
            None,
        ),
        Line::reference("bare commit on the primary, p50", "ms", commit),
    ]
}
