//! How long it takes after a failover until a write is acknowledged again.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use litefs_diesel::Position;
use litefs_diesel_tests::bench::{Line, Outcome, percentile};
use litefs_diesel_tests::cluster::{Cluster, Lease};
use litefs_diesel_tests::wait;
use tokio::task::JoinSet;

use crate::context::Context;
use crate::operation::millis;
use crate::primary::BODY;
use crate::schema::{DATABASE, writes};
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
            "hand-off between three nodes ({} times): from the new primary's /info to the first write that any \
             node's caller is told is done there, p50",
            handed.len()
        ),
        "ms",
        Some(vec![p50]),
        TARGET,
    )])
}

/// A write that its caller was told is done.
struct Acknowledged {
    node: usize,
    at: Instant,
    position: Position,
}

/// Hands the lease to the next node while a caller on each writes without a pause.
fn hand_over(context: &Context, trio: &Trio) -> Outcome<f64> {
    let cluster = &trio.cluster;
    // LiteFS may end by itself when its lease goes away in the middle of a commit.
    cluster.revive()?;
    let old = cluster.wait_primary(PATIENCE)?;
    let new = (old + 1) % 3;
    let (sender, told) = channel();
    // Ends them when it is dropped.
    let mut writers = JoinSet::new();
    for node in 0..3 {
        writers.spawn_on(write_on(node, trio.repo(node), sender.clone()), context.runtime.handle());
    }
    let mut writing = [false; 3];
    let deadline = Instant::now() + PATIENCE;
    while writing != [true; 3] {
        writing[next(&told, deadline)?.node] = true;
    }
    let switched = std::thread::scope(|scope| {
        let switching = scope.spawn(|| switched(cluster, new).map_err(|error| error.to_string()));
        let promoted = cluster.promote(new);
        let switched = switching.join().map_err(|_| "asking the new primary panicked")??;
        promoted?;
        Outcome::Ok(switched)
    })?;
    Ok(millis(first_after(&switched, &told)?.duration_since(switched.at)))
}

/// The moment at which a node is primary, and what it has then.
struct Switched {
    at: Instant,
    position: Position,
}

/// Asks until the node says that it is. It became that after it was asked last: this makes the time too
/// long, never too short.
fn switched(cluster: &Cluster, new: usize) -> Outcome<Switched> {
    let mut asked = Instant::now();
    let at = wait::until(PATIENCE, || {
        let before = std::mem::replace(&mut asked, Instant::now());
        match cluster.info(new) {
            Ok(info) if info.is_primary => Ok(before),
            Ok(info) => Err(format!("node {new} is not primary: {info:?}")),
            Err(error) => Err(error.to_string()),
        }
    })?;
    Ok(Switched { at, position: cluster.position(new, DATABASE)?.parse()? })
}

/// The first write that the new primary did: one of the old may be told to its caller a little later
/// than the lease has moved, and is no recovery.
fn first_after(switched: &Switched, told: &Receiver<Acknowledged>) -> Outcome<Instant> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let write = next(told, deadline)?;
        if write.at > switched.at && write.position.txid > switched.position.txid {
            return Ok(write.at);
        }
    }
}

fn next(told: &Receiver<Acknowledged>, deadline: Instant) -> Outcome<Acknowledged> {
    let left = deadline.saturating_duration_since(Instant::now());
    // Others may write for ever.
    let written = if left.is_zero() { None } else { told.recv_timeout(left).ok() };
    Ok(written.ok_or_else(|| format!("not every node writes within {PATIENCE:?}"))?)
}

async fn write_on(node: usize, repo: Repo, told: Sender<Acknowledged>) {
    loop {
        let insert =
            diesel::insert_into(writes::table).values((writes::number.eq(1_i64), writes::text.eq(BODY)));
        // One that fails is no recovery, and the next one follows at once.
        if let Ok((_, position)) = repo.execute(insert).with_position().await {
            let _ = told.send(Acknowledged { node, at: Instant::now(), position });
        }
    }
}
