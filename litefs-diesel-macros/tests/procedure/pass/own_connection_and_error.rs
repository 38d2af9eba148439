//! A connection type and an error of the application's own, with lints that an expansion could trip.
#![deny(warnings, missing_docs, unreachable_pub, nonstandard_style, unused, private_interfaces)]

use diesel::SqliteConnection;
use litefs_diesel::{CallError, DbError, LocalConnection, litefs_repo, procedure};
use serde::{Deserialize, Serialize};

pub(crate) struct LocalConn(SqliteConnection);

impl LocalConnection for LocalConn {
    fn from_sqlite(conn: SqliteConnection) -> Self {
        Self(conn)
    }
    fn as_sqlite(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

#[litefs_repo(local = LocalConn, procedures(close, never_called))]
pub(crate) struct Repo;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum CloseError {
    Open { lines: Vec<u32> },
    Database(DbError),
}

impl From<diesel::result::Error> for CloseError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

#[procedure(repo = Repo, version = 1)]
pub(crate) fn close(_conn: &mut LocalConn, order: i64) -> Result<(), CloseError> {
    if order < 0 { Err(CloseError::Open { lines: vec![1] }) } else { Ok(()) }
}

#[procedure(repo = Repo, version = 1)]
#[deprecated = "use `close`"]
#[allow(clippy::too_many_arguments)]
pub(crate) fn never_called(
    _conn: &mut LocalConn,
    _a: u8,
    _b: u8,
    _c: u8,
    _d: u8,
    _e: u8,
    _f: u8,
    _g: u8,
) -> Result<(), CloseError> {
    Ok(())
}

#[cfg(any())]
#[procedure(repo = Repo, version = 1)]
pub(crate) fn not_here(_conn: &mut LocalConn) -> Missing {}

#[procedure(repo = Repo, version = 1)]
#[cfg(any())]
pub(crate) fn not_here_either(_conn: &mut LocalConn) -> Missing {}

async fn ends(repo: &Repo) -> String {
    match repo.close(1).await {
        Ok(()) => "closed".to_owned(),
        Err(CallError::Procedure(CloseError::Open { lines })) => format!("still open: {lines:?}"),
        Err(CallError::Procedure(CloseError::Database(error))) => error.to_string(),
        Err(CallError::Outcome(outcome)) => outcome.to_string(),
    }
}

fn main() {
    let _ = ends;
}
