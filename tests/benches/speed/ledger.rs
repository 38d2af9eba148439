//! What the ledger costs: the same build with it and without, each on a database of its own.

use diesel::connection::SimpleConnection;
use litefs_diesel_tests::bench::{Contest, Line, Outcome, Results, Target, percentile};

use crate::context::{Context, Site};
use crate::library::{self, Replicated};
use crate::operation::{latencies, rate};
use crate::primary::{BESIDE, Begin, Beside, Commit, Insert, Replication, run};
use crate::schema::{self, connect};

const MANY: Target = Target::AtLeast(0.9, Some(0.95));
const LONE: Target = Target::AtMost(1.1, None);

/// The database whose writers keep no ledger.
const WITHOUT: &str = "without.db";

/// How many writes the growth is shown for.
const WRITES: u32 = 100_000;

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    let Some(site) = context.site() else { return Ok(Vec::new()) };
    let Some(with) = library::replicated(site)? else { return Ok(Vec::new()) };
    schema::create(&site.cluster.mount(0).join(WITHOUT))?;
    site.cluster.wait_replicated(0, WITHOUT)?;
    let without = library::without_ledger(site, WITHOUT)?;
    let many = Contest::new()
        .enter("with", many(context, with.as_ref())?)
        .enter("without", many(context, without.as_ref())?)
        .run(context.options.rounds())?;
    let lone = Contest::new()
        .enter("with", lone(context, with.as_ref())?)
        .enter("without", lone(context, without.as_ref())?)
        .run(context.options.rounds())?;
    let bare = Contest::new()
        .enter("beside", bare(context, site, true)?)
        .enter("plain", bare(context, site, false)?)
        .run(context.options.rounds())?;
    let series = |results: &Results<f64>, name: &str| results.series(name, |value| *value);
    let mut lines = vec![
        Line::compare(
            "64 callers on the replica: with the ledger / without",
            "writes/s",
            series(&many, "with"),
            series(&many, "without"),
            Some(MANY),
        ),
        Line::compare(
            "one write from the replica, p50: with the ledger / without",
            "ms",
            series(&lone, "with"),
            series(&lone, "without"),
            Some(LONE),
        ),
        Line::compare(
            "one bare write and the wait for it, p50: with a row in another table / without (what a page costs)",
            "ms",
            series(&bare, "beside"),
            series(&bare, "plain"),
            None,
        ),
    ];
    lines.extend(growth(context, site, with.as_ref())?);
    Ok(lines)
}

fn many<'a>(
    context: &'a Context,
    library: &dyn Replicated,
) -> Outcome<impl FnMut() -> Outcome<f64> + use<'a>> {
    let op = library.write()?;
    Ok(move || rate(&context.runtime, 64, context.options.window(), &op))
}

fn lone<'a>(
    context: &'a Context,
    library: &dyn Replicated,
) -> Outcome<impl FnMut() -> Outcome<f64> + use<'a>> {
    let (op, times) = (library.write()?, context.options.amount(40, 100));
    Ok(move || Ok(percentile(&latencies(times, || context.runtime.block_on(op()))?, 0.5)))
}

/// A commit on the primary by bare Diesel, then the wait until the replica has its position.
fn bare(context: &Context, site: &Site, beside: bool) -> Outcome<impl FnMut() -> Outcome<f64> + use<>> {
    let mut conn = connect(&site.database(0))?;
    conn.batch_execute(BESIDE)?;
    let (mut replication, times) = (Replication::of(site)?, context.options.amount(40, 100));
    let mut write = move || {
        run(&mut conn, &Begin)?;
        run(&mut conn, &Insert(1))?;
        if beside {
            run(&mut conn, &Beside)?;
        }
        run(&mut conn, &Commit)?;
        replication.wait()
    };
    Ok(move || Ok(percentile(&latencies(times, &mut write)?, 0.5)))
}

/// What is in the ledger's tables while and after many writes are made.
fn growth(context: &Context, site: &Site, library: &dyn Replicated) -> Outcome<Vec<Line>> {
    let op = library.write()?;
    let mut conn = connect(&site.database(0))?;
    let (mut done, mut most) = (0.0, 0.0_f64);
    let window = context.options.window();
    let writes = f64::from(WRITES) / f64::from(context.options.amount(10, 1));
    while done < writes {
        done += rate(&context.runtime, 64, window, &op)? * window.as_secs_f64();
        most = most.max(kept(&mut conn)?);
    }
    Ok(vec![Line::value(
        format!(
            "the ledger's pages in the database, looked at every {:.1} s of {done:.0} writes by 64 callers, at most",
            window.as_secs_f64()
        ),
        "KiB",
        Some(vec![most / 1024.0]),
        8.0 * 1024.0,
    )])
}

/// Bytes of the pages that the ledger's tables and indexes have.
fn kept(conn: &mut diesel::SqliteConnection) -> Outcome<f64> {
    use diesel::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Kept {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        bytes: i64,
    }
    let sum = "SELECT coalesce(sum(pgsize), 0) AS bytes FROM dbstat WHERE name LIKE '%litefs_diesel%'";
    let Kept { bytes } = diesel::sql_query(sum).get_result(conn)?;
    Ok(bytes as f64)
}
