//! Two releases of one application: what nodes of both have while they run side by side.

use std::sync::Arc;

use diesel::prelude::*;
use litefs_diesel::{CallError, DbError, Error, LitefsRepo, Node, litefs_repo, procedure};
use serde_json::{Value, json};

use super::app::{App, Repo};
use super::outcome;
use crate::app::Commands;

/// The release that is everywhere: it stamps a text, and gives its own number.
#[procedure(repo = Repo, version = 1)]
pub fn stamp(conn: &mut SqliteConnection, text: String) -> Result<i64, DbError> {
    put(conn, &text, 1)
}

/// The one that comes next.
pub mod next {
    use super::*;

    /// What its nodes have: the new one, and for one release the old one.
    #[litefs_repo(name = "Repo", procedures(stamp, stamp_for_the_release_before))]
    pub struct Repo;

    /// It takes a number of times, too, which is another meaning.
    #[procedure(repo = Repo, version = 2)]
    pub fn stamp(conn: &mut SqliteConnection, text: String, times: u32) -> Result<i64, DbError> {
        (0..times).try_for_each(|_| put(conn, &text, 2).map(drop))?;
        Ok(2)
    }

    /// What nodes of the release before still call: done by this release, if its node is primary.
    #[procedure(repo = Repo, version = 1, name = "stamp")]
    pub fn stamp_for_the_release_before(conn: &mut SqliteConnection, text: String) -> Result<i64, DbError> {
        put(conn, &text, 2)
    }
}

fn put(conn: &mut SqliteConnection, text: &str, release: i64) -> Result<i64, DbError> {
    let insert = diesel::sql_query("INSERT INTO stamps (text, release) VALUES (?, ?)");
    let insert = insert.bind::<diesel::sql_types::Text, _>(text);
    insert.bind::<diesel::sql_types::BigInt, _>(release).execute(conn)?;
    Ok(release)
}

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands.add("stamp", stamped)
}

/// The repo of a node of the next release, which has that release's procedures and not this one's.
///
/// # Errors
/// As `LitefsRepo::on`.
pub(super) fn next_on(node: &Node) -> Result<Repo, Error> {
    Ok(Repo::from_handle(next::Repo::on(node)?.handle().clone()))
}

/// Calls the version that is asked for, as the code of that release does; gives the release that did it.
async fn stamped(app: Arc<App>, (version, text): (u32, String)) -> Result<i64, Value> {
    let called = match version {
        1 => app.repo.stamp(text).await,
        // Without making it known to this node, which may be one of the release before.
        _ => next::Repo::from_handle(app.repo.handle().clone()).stamp(text, 2).await,
    };
    called.map_err(|error| match error {
        CallError::Outcome(error) => outcome::of(&error),
        CallError::Procedure(error) => json!(error.to_string()),
    })
}
