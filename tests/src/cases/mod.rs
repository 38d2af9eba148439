//! A body of ordinary Diesel code, written once and run on several connections with equal
//! results: on bare `SqliteConnection`, which is the reference, and on whatever claims to be a
//! drop-in for it.
//!
//! A case ([`Case`]) is a function that gets a connection and fresh, empty tables
//! ([`schema`]), does what an application would do, and returns what it saw as JSON
//! ([`observe`]). The JSON of two connections is compared whole. The tests' own files are in
//! [`themes`](on_bare::themes), a file a theme.
//!
//! # Running the cases on another connection
//! The themes name their connection `super::Conn` and are compiled once for each, because Diesel
//! resolves some statements by the concrete connection type. A new one is a file of six lines
//! beside [`on_bare`], with another `Conn`; then
//! ```no_run
//! use diesel::Connection;
//! use litefs_diesel_tests::cases::{Scope, on_bare};
//!
//! let mut conn = on_bare::Conn::establish("app.db").unwrap();
//! let seen = on_bare::run_all(&mut conn, Scope::Everywhere);
//! assert!(seen.len() >= 70);
//! ```
//! gives each case's name and what it saw. [`run_with_url`](on_bare::run_with_url) does the same
//! for the cases that open connections themselves (pools).
//!
//! # Adding a case
//! 1. Write `fn what_it_proves(conn: &mut Conn) -> QueryResult<Value>` in the file of its theme,
//!    and name it in that file's list. `?` is for what must not fail: a case that returns an
//!    error or panics has failed, on the reference too. An error that is the point of the case
//!    goes through [`observe::seen`] or [`observe::error`].
//! 2. Return all that an application could tell apart: rows, counts, errors with their messages,
//!    and what is in the tables afterwards. Nothing that may differ between two runs: no time, no
//!    random number, no path, no row order that the query does not ask for.
//! 3. Name whatever it creates `case_…`, so that it is dropped, and leave no setting behind.
//! 4. What a connection of a node may legitimately do otherwise goes into the theme
//!    `bare_only`, with the reason ([`Scope::BareOnly`]).
//!
//! Not here, because it does not compile for any connection but `SqliteConnection`: `get_results`
//! and `get_result` of a *batch* insert (`values(&vec)` with RETURNING), which Diesel implements
//! for that type alone.

pub mod clean;
pub mod custom;
pub mod models;
pub mod observe;
pub mod on_bare;
pub mod on_litefs;
pub mod schema;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use diesel::QueryResult;
use futures::future::BoxFuture;
use serde_json::{Value, json};

/// What cases saw, by their names.
pub type Seen = BTreeMap<&'static str, Value>;

/// On which connections a case must give the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On all of them.
    Everywhere,
    /// On a bare `SqliteConnection`, and on a connection that is alone and so is one in every
    /// respect. A connection of a node may differ, for this reason.
    BareOnly(&'static str),
}

/// One case, for connections of the type `C`.
pub struct Case<C> {
    /// `theme::what_it_proves`, unique.
    pub name: &'static str,
    /// Where it must give the same.
    pub scope: Scope,
    /// The case itself, without what prepares and takes back; see [`Case::run`].
    pub body: fn(&mut C) -> QueryResult<Value>,
}

impl<C: clean::Cleanable> Case<C> {
    /// Makes fresh tables, runs the case, and takes back what it left.
    ///
    /// What went wrong is in the value too, under a key that begins with `case `.
    pub fn run(&self, conn: &mut C) -> Value {
        if let Err(why) = clean::prepare(conn) {
            return json!({ "case not prepared": observe::error(&why) });
        }
        let seen = match catch_unwind(AssertUnwindSafe(|| (self.body)(conn))) {
            Ok(Ok(value)) => value,
            Ok(Err(why)) => json!({ "case failed": observe::error(&why) }),
            Err(panic) => json!({ "case panicked": panic_message(&*panic) }),
        };
        if clean::restore(conn) { json!({ "case left a transaction open": seen }) } else { seen }
    }
}

/// Runs cases one after the other on one connection: those that must be equal everywhere, and
/// with [`Scope::BareOnly`] (whatever its reason) all of them. Leaves no table behind.
///
/// # Panics
/// When the tables cannot be dropped at the end.
pub fn run_all<C: clean::Cleanable>(cases: &[Case<C>], conn: &mut C, scope: Scope) -> Seen {
    let wanted = |case: &&Case<C>| scope != Scope::Everywhere || case.scope == Scope::Everywhere;
    let seen = cases.iter().filter(wanted).map(|case| (case.name, case.run(conn))).collect();
    clean::clear(conn).expect("the cases' tables can be dropped");
    seen
}

/// A case that opens its connections itself, from the URL of a database.
pub struct UrlCase {
    /// `theme::what_it_proves`, unique.
    pub name: &'static str,
    /// The case itself. It needs tokio's multi-threaded runtime.
    pub body: fn(String) -> BoxFuture<'static, Result<Value, String>>,
}

/// Whether a case went wrong, whatever it was to see.
#[must_use]
pub fn went_wrong(seen: &Value) -> bool {
    seen.as_object().is_some_and(|object| object.keys().any(|key| key.starts_with("case ")))
}

/// The text of a panic.
#[must_use]
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
}
