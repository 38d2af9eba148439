//! Opens the writer's connection.

use diesel::connection::{Connection, SimpleConnection};
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::guard::Guard;
use super::{hold, session};
use crate::config::RepoSettings;
use crate::config::check::check_journal_mode;
use crate::error::DatabaseError;

/// Opens the database read-write; it is never created here.
pub(super) fn connect(settings: &RepoSettings, replicated: bool) -> Result<SqliteConnection, DatabaseError> {
    let url = settings.database.read_write();
    let mut conn = SqliteConnection::establish(&url)
        .map_err(|error| DatabaseError::other(format!("{}: {error}", settings.database)))?;
    // In place of the application's default one, which is not for what runs for everybody.
    conn.set_instrumentation(Guard::default());
    set_up(&mut conn, settings, replicated)?;
    if replicated {
        // `on_open` may have thought better of it since the node started.
        check_journal_mode(settings, &mut conn).map_err(|error| DatabaseError::other(error.to_string()))?;
    }
    Ok(conn)
}

fn set_up(conn: &mut SqliteConnection, settings: &RepoSettings, replicated: bool) -> QueryResult<()> {
    if replicated {
        // LiteFS syncs the WAL and its own file at each commit, whatever SQLite asks for; asking
        // again doubles the time of a commit and keeps nothing more.
        conn.batch_execute("PRAGMA synchronous = NORMAL")?;
    }
    settings.on_open.run(conn)?;
    // After it: it decides where TEMP tables are.
    session::set_up(conn)?;
    hold::set_up(conn)
}
