//! Opens a read-only connection.

use std::sync::Arc;

use diesel::connection::{Connection, SimpleConnection};
use diesel::result::{ConnectionError, ConnectionResult, QueryResult};
use diesel::sqlite::SqliteConnection;

use super::ReaderSettings;

/// What an application does to each connection that a node opens.
pub(crate) type OnOpen = Arc<dyn Fn(&mut SqliteConnection) -> QueryResult<()> + Send + Sync>;

pub(super) fn open(settings: &ReaderSettings) -> ConnectionResult<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&settings.url)?;
    set_up(&mut conn, settings).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

fn set_up(conn: &mut SqliteConnection, settings: &ReaderSettings) -> QueryResult<()> {
    // LiteFS applies a transaction under exclusive locks: a reader meets them and must wait.
    conn.batch_execute(&format!("PRAGMA busy_timeout = {}", settings.busy_timeout.as_millis()))?;
    settings.on_open.iter().try_for_each(|on_open| on_open(conn))
}
