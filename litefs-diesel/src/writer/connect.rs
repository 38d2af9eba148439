//! Opens the writer's connection.

use std::sync::Arc;

use diesel::connection::{Connection, SimpleConnection};
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::{WriterSettings, session};
use crate::error::DatabaseError;

/// What an application does to each connection that a node opens.
pub(crate) type OnOpen = Arc<dyn Fn(&mut SqliteConnection) -> QueryResult<()> + Send + Sync>;

/// Opens the database read-write; it is never created here.
pub(super) fn connect(settings: &WriterSettings) -> Result<SqliteConnection, DatabaseError> {
    let mut conn = SqliteConnection::establish(&settings.url)
        .map_err(|error| DatabaseError::other(format!("{}: {error}", settings.url)))?;
    conn.set_instrumentation(None::<Box<dyn diesel::connection::Instrumentation>>);
    set_up(&mut conn, settings)?;
    Ok(conn)
}

fn set_up(conn: &mut SqliteConnection, settings: &WriterSettings) -> QueryResult<()> {
    conn.batch_execute(&format!("PRAGMA busy_timeout = {}", settings.busy_timeout.as_millis()))?;
    conn.batch_execute(&format!("PRAGMA foreign_keys = {}", u8::from(settings.foreign_keys)))?;
    if settings.replicated {
        // LiteFS syncs the WAL and its own file at each commit, whatever SQLite asks for; asking
        // again doubles the time of a commit and keeps nothing more.
        conn.batch_execute("PRAGMA synchronous = NORMAL")?;
    }
    session::set_up(conn)?;
    settings.on_open.iter().try_for_each(|on_open| on_open(conn))
}
