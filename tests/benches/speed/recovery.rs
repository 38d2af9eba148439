//! How long it takes after a failover until a write is acknowledged again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use litefs_diesel_tests::bench::{Line, Outcome, percentile};
use litefs_diesel_tests::cluster::Lease;

use crate::context::Context;
use crate::operation::millis;
use crate::primary::BODY;
use crate::schema::writes;
use crate::trio::{Repo, Trio};

/// Milliseconds from the moment another node is primary.
const TARGET: f64 = 200.0;

/// How long a failover may take at all.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    if context.site().is_none() {
        return Ok(Vec::new());
    }
    let trio = Trio::start(Lease::consul())?;
    let mut handed = Vec::new();
    for _ in 0..context.options.amount(5, 20) {
        handed.push(hand_over(context, &trio)?);
    }
    let worst = percentile(&handed, 1.0);
    context.note(format!("slowest recovery after a hand-off: {worst:.0} ms of {}", handed.len()));
    let p50 = percentile(&handed, 0.5);
    Ok(vec![Line::value(
        format!(
            "hand-off between three nodes ({} times): from the new primary's /info to the first write acknowledged, p50",
            handed.len()
        ),
        "ms",
        Some(vec![p50]),
        TARGET,
    )])
}

/// Hands the lease to the next node while the third one writes without a pause.
fn hand_over(context: &Context, trio: &Trio) -> Outcome<f64> {
    let old = trio.cluster.wait_primary(PATIENCE)?;
    let (new, third) = ((old + 1) % 3, (old + 2) % 3);
    let stop = Arc::new(AtomicBool::new(false));
    let writing = {
        let (stop, repo) = (Arc::clone(&stop), trio.repo(third));
        context.runtime.spawn(async move {
            let mut acknowledged = Vec::new();
            while !stop.load(Ordering::Acquire) {
                let begun = Instant::now();
                if write(&repo).await.is_ok() {
                    acknowledged.push((begun, Instant::now()));
                }
            }
            acknowledged
        })
    };
    std::thread::sleep(Duration::from_millis(200)); // so that writes are in flight
    let cluster = &trio.cluster;
    let switched = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let begin = Instant::now();
            while begin.elapsed() < PATIENCE {
                if cluster.info(new).is_ok_and(|info| info.is_primary) {
                    return Some(Instant::now());
                }
            }
            None
        });
        let promoted = cluster.promote(new);
        let switched = watching.join().ok().flatten();
        promoted.map(|()| switched)
    })?;
    let switched = switched.ok_or("the new primary was not seen")?;
    std::thread::sleep(Duration::from_millis(1_000)); // so that a write comes back
    stop.store(true, Ordering::Release);
    let acknowledged = context.runtime.block_on(writing)?;
    // One that ended after the switch, whenever it began: it may have waited through it.
    let first = acknowledged.iter().find(|(_, ended)| *ended > switched);
    let (_, ended) = first.ok_or("no write was acknowledged in a second after the hand-off")?;
    Ok(millis(ended.duration_since(switched)))
}

async fn write(repo: &Repo) -> Outcome<()> {
    let insert = diesel::insert_into(writes::table).values((writes::number.eq(1_i64), writes::text.eq(BODY)));
    repo.execute(insert).await?;
    Ok(())
}
