//! What it costs to wait for another node, on three.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use litefs_diesel::Ack;
use litefs_diesel_tests::bench::{Contest, Line, Outcome, Target, percentile};
use litefs_diesel_tests::cluster::Lease;

use crate::context::Context;
use crate::operation::{latencies, millis};
use crate::primary::BODY;
use crate::schema::writes;
use crate::trio::{Repo, Trio};

const AGAINST_VISIBLE: Target = Target::AtMost(1.5, None);

/// How long the nodes may take to hear of each other.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    if context.site().is_none() {
        return Ok(Vec::new());
    }
    let trio = Trio::start(Lease::Static)?;
    let times = context.options.amount(40, 100);
    let write = |node: usize, ack: Ack| {
        let repo = trio.repo(node);
        move || latencies(times, || context.runtime.block_on(write(&repo, ack)))
    };
    for node in [0, 1] {
        become_known(context, &trio.repo(node))?;
    }
    let results = Contest::new()
        .enter("visible", write(1, Ack::Visible))
        .enter("replicated", write(1, Ack::Replicated(1)))
        .enter("replicated 2", write(1, Ack::Replicated(2)))
        .enter("everywhere", write(1, Ack::Everywhere))
        .enter("primary", write(0, Ack::Visible))
        .enter("primary replicated", write(0, Ack::Replicated(1)))
        .run(context.options.rounds())?;
    let p50 = |name: &str| results.series(name, |round| percentile(round, 0.5));
    let line = |what: &str, name: &str, target| {
        let what = format!("three nodes: {what} / `Visible` from a replica, p50");
        Line::compare(what, "ms", p50(name), p50("visible"), target)
    };
    Ok(vec![
        line("`Replicated(1)` from a replica", "replicated", Some(AGAINST_VISIBLE)),
        line("`Replicated(1)` from the primary", "primary replicated", Some(AGAINST_VISIBLE)),
        line("`Replicated(2)` from a replica", "replicated 2", None),
        line("`Everywhere` (one candidate) from a replica", "everywhere", None),
        line("`Visible` from the primary, which waits for nobody", "primary", None),
    ])
}

async fn write(repo: &Repo, ack: Ack) -> Outcome<()> {
    let insert = diesel::insert_into(writes::table).values((writes::number.eq(1_i64), writes::text.eq(BODY)));
    repo.execute(insert).ack(ack).await?;
    Ok(())
}

/// Waits until a node knows enough of the others for every level.
fn become_known(context: &Context, repo: &Repo) -> Outcome<()> {
    let begin = Instant::now();
    loop {
        match context.runtime.block_on(write(repo, Ack::Everywhere)) {
            Ok(()) => return Ok(()),
            Err(error) if begin.elapsed() > PATIENCE => {
                return Err(format!("after {:.0} ms: {error}", millis(begin.elapsed())).into());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
