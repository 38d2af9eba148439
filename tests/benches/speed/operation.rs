//! What is done again and again, and how it is timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{Connection, LoadConnection};
use diesel::sqlite::Sqlite;
use futures::future::BoxFuture;
use litefs_diesel_tests::bench::{Failure, Outcome};
use tokio::runtime::Runtime;

use crate::schema::{Keys, Shape, read};

/// One blocking operation, called again and again from one thread.
pub(crate) type Op = Box<dyn FnMut() -> Outcome<()> + Send>;

/// One async operation, called by many callers at once.
pub(crate) type AsyncOp = Arc<dyn Fn() -> BoxFuture<'static, Outcome<()>> + Send + Sync>;

/// Reads on a Diesel connection of any kind.
pub(crate) fn read_op<C>(mut conn: C, shape: Shape) -> Op
where
    C: Connection<Backend = Sqlite> + LoadConnection + Send + 'static,
{
    let mut keys = Keys::default();
    Box::new(move || Ok(read(&mut conn, shape, keys.next().unwrap_or(1))?))
}

/// Microseconds that one of `times` takes.
pub(crate) fn time(op: &mut Op, times: u32) -> Outcome<f64> {
    let begin = Instant::now();
    for _ in 0..times {
        op()?;
    }
    Ok(micros(begin.elapsed()) / f64::from(times))
}

/// The same for an async operation, one after the other in one task.
pub(crate) fn time_async(runtime: &Runtime, op: &AsyncOp, times: u32) -> Outcome<f64> {
    let op = op.clone();
    runtime.block_on(runtime.spawn(async move {
        let begin = Instant::now();
        for _ in 0..times {
            op().await?;
        }
        Ok(micros(begin.elapsed()) / f64::from(times))
    }))?
}

/// How long each of `times` takes, in milliseconds.
pub(crate) fn latencies(times: u32, mut op: impl FnMut() -> Outcome<()>) -> Outcome<Vec<f64>> {
    (0..times)
        .map(|_| {
            let begin = Instant::now();
            op()?;
            Ok(millis(begin.elapsed()))
        })
        .collect()
}

/// How many operations `callers` tasks do a second, each beginning its next when its last is done,
/// for `window` and until all are back.
pub(crate) fn rate(runtime: &Runtime, callers: usize, window: Duration, op: &AsyncOp) -> Outcome<f64> {
    runtime.block_on(async {
        let begin = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let op = op.clone();
                tokio::spawn(async move {
                    let mut done = 0u32;
                    while begin.elapsed() < window {
                        op().await?;
                        done += 1;
                    }
                    Ok::<_, Failure>(done)
                })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += task.await??;
        }
        Ok(f64::from(done) / begin.elapsed().as_secs_f64())
    })
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
