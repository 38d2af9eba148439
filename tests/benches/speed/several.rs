//! Five statements at once from the replica: as a procedure, and as a transaction statement by
//! statement, against a single write.

use std::sync::Arc;

use diesel::prelude::*;
use litefs_diesel_tests::bench::{Contest, Line, Outcome, Target, percentile};

use crate::context::Context;
use crate::library;
use crate::operation::{AsyncOp, latencies};
use crate::primary::BODY;
use crate::schema::{DATABASE, writes};

const AGAINST_ONE: Target = Target::AtMost(1.1, None);

/// Milliseconds that the statements of a transaction may cost beyond a single write.
const MORE: f64 = 1.0;

const STATEMENTS: i64 = 5;

/// A procedure is public, and a bench exports nothing.
#[expect(unreachable_pub, reason = "see above")]
mod served {
    use diesel::SqliteConnection;
    use litefs_diesel::{DbError, litefs_repo, procedure};

    #[litefs_repo(name = "Repo", procedures(insert_five))]
    pub struct Five;

    /// Five inserts.
    #[procedure(repo = Five, version = 1)]
    pub fn insert_five(conn: &mut SqliteConnection, number: i64) -> Result<usize, DbError> {
        Ok(super::five(conn, number)?)
    }
}

fn five<C>(conn: &mut C, number: i64) -> QueryResult<usize>
where
    C: diesel::connection::LoadConnection<Backend = diesel::sqlite::Sqlite>,
{
    let mut rows = 0;
    for each in 0..STATEMENTS {
        let values = (writes::number.eq(number + each), writes::text.eq(BODY));
        rows += diesel::insert_into(writes::table).values(values).execute(conn)?;
    }
    Ok(rows)
}

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    let Some(site) = context.site() else { return Ok(Vec::new()) };
    let (replica, primary) = library::pair(site, DATABASE, |config| config)?;
    let (repo, _there) = (served::Five::on(&replica.node)?, served::Five::on(&primary.node)?);
    let times = context.options.amount(40, 100);
    let single = replica.write();
    let procedure: AsyncOp = {
        let repo = repo.clone();
        Arc::new(move || {
            let call = repo.insert_five(1);
            Box::pin(async move { if call.await? == 5 { Ok(()) } else { Err("not five rows".into()) } })
        })
    };
    let transaction: AsyncOp = Arc::new(move || {
        let transaction = repo.transaction(|conn| five(conn, 1));
        Box::pin(async move { if transaction.await? == 5 { Ok(()) } else { Err("not five rows".into()) } })
    });
    let round = |op: AsyncOp| move || latencies(times, || context.runtime.block_on(op()));
    let results = Contest::new()
        .enter("single", round(single))
        .enter("procedure", round(procedure))
        .enter("transaction", round(transaction))
        .run(context.options.rounds())?;
    let p50 = |name: &str| results.series(name, |round| percentile(round, 0.5));
    let more = p50("transaction").zip(p50("single")).map(|(transaction, single)| {
        transaction.iter().zip(&single).map(|(transaction, single)| transaction - single).collect()
    });
    Ok(vec![
        Line::compare(
            "from the replica: a procedure of five statements / a single write, p50",
            "ms",
            p50("procedure"),
            p50("single"),
            Some(AGAINST_ONE),
        ),
        Line::value(
            "from the replica: a transaction of five statements, more than a single write, p50",
            "ms",
            more,
            MORE,
        ),
    ])
}
