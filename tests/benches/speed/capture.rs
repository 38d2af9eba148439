//! What turning a Diesel statement into a value that can travel costs.

use litefs_diesel_tests::bench::{Contest, Line, Outcome};

use crate::context::Context;
use crate::library;
use crate::operation::time;

/// Asked for: at most this many microseconds for two binds.
const AT_MOST: f64 = 2.0;

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    let mut contest = Contest::new();
    if let Some(mut op) = library::capture()? {
        let times = 200;
        contest = contest.enter("ours", move || time(&mut op, times));
    }
    let results = contest.run_short(context.options.rounds(), context.options.turns())?;
    let ours = results.series("ours", |micros| *micros);
    Ok(vec![Line::value("capture of a statement with two binds", "µs", ours, AT_MOST)])
}
