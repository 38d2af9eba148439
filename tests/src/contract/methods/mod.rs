//! Every typed method of a repo, used as an application uses it. A case gets fresh tables, and
//! gives what it saw as JSON; that has to be equal alone, on the primary, and from a replica.
//!
//! Not in a case: what differs between two runs (positions, times), and the order of rows that no
//! query asks for.

mod blocking;
mod constraints;
mod inserts;
mod limits;
mod reads;
mod schema;
mod values;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use futures::FutureExt;
use futures::future::BoxFuture;
use litefs_diesel::Error;
use serde_json::{Value, json};

use super::app::{App, Repo};
use super::outcome;
pub use constraints::on_bare as constraints_on_bare;

/// A case: its name and its body.
type Case = (&'static str, fn(Repo) -> BoxFuture<'static, Result<Value, Error>>);

/// Names functions and boxes their futures.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        &[$((
            concat!(module_path!(), "::", stringify!($case)),
            |repo| futures::FutureExt::boxed($case(repo)),
        )),*]
    };
}
use cases;

/// All of them.
fn all() -> impl Iterator<Item = &'static Case> {
    [
        reads::CASES,
        inserts::CASES,
        writes::CASES,
        blocking::CASES,
        values::CASES,
        limits::CASES,
        constraints::CASES,
    ]
    .into_iter()
    .flatten()
}

/// Runs every case whose name has the text in it, one after the other, until the tables of one
/// cannot be made. What failed is `{"case failed": …}`.
pub(super) async fn run(app: Arc<App>, text: String) -> Result<BTreeMap<&'static str, Value>, Value> {
    let mut seen = BTreeMap::new();
    for (name, case) in all().filter(|(name, _)| name.contains(&text)) {
        let made = app.repo.run(|conn| Ok::<_, Error>(conn.batch_execute(schema::FRESH)?)).await;
        if let Err(error) = made {
            seen.insert(*name, json!({ "case failed": outcome::of(&error), "at": "its tables" }));
            break;
        }
        let result = std::panic::AssertUnwindSafe(case(app.repo.clone())).catch_unwind().await;
        seen.insert(
            *name,
            match result {
                Ok(Ok(value)) => value,
                Ok(Err(error)) => json!({ "case failed": outcome::of(&error) }),
                Err(_) => json!({ "case failed": "it panicked; see the log" }),
            },
        );
    }
    Ok(seen)
}

/// What a call gave, its error included: for calls that are to fail.
fn seen<T: serde::Serialize>(result: Result<T, Error>) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => outcome::of(&error),
    }
}
