//! Reads: on the drop-in connection against bare Diesel, and by async repo methods against a pool.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use deadpool_diesel::sqlite::{Manager, Pool};
use futures::FutureExt;
use litefs_diesel_tests::bench::{Contest, Failure, Line, Outcome, Target};

use crate::context::Context;
use crate::library::{self, Reads};
use crate::operation::{AsyncOp, read_op, time, time_async};
use crate::schema::{self, PEOPLE, Shape, connect_to_read, read, read_url};

const ON_CONNECTION: Target = Target::AtMost(1.05, Some(1.03));
const BY_REPO: Target = Target::AtMost(1.0, None);

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    let dir = tempfile::tempdir()?;
    let plain = dir.path().join(schema::DATABASE);
    schema::create(&plain)?;
    let alone = library::alone(&plain)?;
    let mut lines = Vec::new();
    for shape in [Shape::Point, Shape::Boxed, Shape::Rows(20)] {
        let place = "plain file";
        lines.extend(on_connection(context, place, &plain, shape, alone.as_deref())?);
        lines.extend(by_repo(context, place, &plain, shape, alone.as_deref())?);
    }
    if let Some(site) = context.site() {
        let ours = library::replicated(site)?;
        let ours = ours.as_deref().map(|ours| ours as &dyn Reads);
        let (place, database) = ("replica", site.database(1));
        lines.extend(on_connection(context, place, &database, Shape::Point, ours)?);
        lines.extend(by_repo(context, place, &database, Shape::Point, ours)?);
    }
    Ok(lines)
}

fn on_connection(
    context: &Context,
    place: &str,
    database: &Path,
    shape: Shape,
    ours: Option<&dyn Reads>,
) -> Outcome<Vec<Line>> {
    let times = times(shape, place);
    let bare = || Ok::<_, Failure>(read_op(connect_to_read(database)?, shape));
    let (mut first, mut second) = (bare()?, bare()?);
    let mut contest = Contest::new()
        .enter("bare", move || time(&mut first, times))
        .enter("noise", move || time(&mut second, times));
    if let Some(ours) = ours {
        let mut op = ours.on_connection(shape)?;
        contest = contest.enter("ours", move || time(&mut op, times));
    }
    let results = contest.run_short(context.options.rounds(), context.options.turns())?;
    let series = |name| results.series(name, |micros| *micros);
    let what = format!("{}, {place}: `LitefsConnection` / bare `SqliteConnection`", shape.describe());
    let noise = format!("{}, {place}: bare / bare, which is this table's noise", shape.describe());
    Ok(vec![
        Line::compare(what, "µs", series("ours"), series("bare"), Some(ON_CONNECTION)),
        Line::compare(noise, "µs", series("noise"), series("bare"), None),
    ])
}

fn by_repo(
    context: &Context,
    place: &str,
    database: &Path,
    shape: Shape,
    ours: Option<&dyn Reads>,
) -> Outcome<Vec<Line>> {
    let times = times(shape, place).div_ceil(4);
    let runtime = &context.runtime;
    // deadpool closes its connections on the runtime, and panics outside of one.
    let _entered = runtime.enter();
    let [held, pooled] = runtime.block_on(pooled_reads(database, shape))?;
    let mut contest = Contest::new()
        .enter("held", move || time_async(runtime, &held, times))
        .enter("pooled", move || time_async(runtime, &pooled, times));
    if let Some(ours) = ours {
        let op = ours.by_repo(shape)?;
        contest = contest.enter("ours", move || time_async(runtime, &op, times));
    }
    let results = contest.run_short(context.options.rounds(), context.options.turns())?;
    let series = |name| results.series(name, |micros| *micros);
    let what = |reference| format!("{}, {place}: async repo / {reference}", shape.describe());
    Ok(vec![
        Line::compare(
            what("deadpool `interact`, connection held"),
            "µs",
            series("ours"),
            series("held"),
            Some(BY_REPO),
        ),
        Line::compare(
            what("deadpool `get` and `interact`"),
            "µs",
            series("ours"),
            series("pooled"),
            Some(BY_REPO),
        ),
    ])
}

/// Reads through deadpool's `interact`: on a connection that is kept, which is the stricter
/// reference, and with taking one from the pool each time, which checks it by a query of its own.
async fn pooled_reads(database: &Path, shape: Shape) -> Outcome<[AsyncOp; 2]> {
    let manager = Manager::new(read_url(database), deadpool_diesel::Runtime::Tokio1);
    let pool = Pool::builder(manager).max_size(5).build()?;
    let held = Arc::new(pool.get().await?);
    let key = Arc::new(AtomicI64::new(0));
    let next = move || 1 + key.fetch_add(7_919, Ordering::Relaxed) % PEOPLE;
    let also_next = next.clone();
    let on_held = move || {
        let (conn, id) = (held.clone(), next());
        async move { Ok(conn.interact(move |conn| read(conn, shape, id)).await.map_err(failed)??) }.boxed()
    };
    let on_pooled = move || {
        let (pool, id) = (pool.clone(), also_next());
        async move {
            let conn = pool.get().await?;
            Ok(conn.interact(move |conn| read(conn, shape, id)).await.map_err(failed)??)
        }
        .boxed()
    };
    Ok([Arc::new(on_held), Arc::new(on_pooled)])
}

fn failed(error: deadpool_diesel::InteractError) -> Failure {
    // Not `Sync`, so it cannot travel as it is.
    error.to_string().into()
}

/// How many reads a turn has: a part of the milliseconds that a scheduler gives at a time. Through
/// FUSE each takes many times as long.
fn times(shape: Shape, place: &str) -> u32 {
    match (shape, place) {
        (_, "replica") => 5,
        (Shape::Rows(_), _) => 25,
        _ => 50,
    }
}
