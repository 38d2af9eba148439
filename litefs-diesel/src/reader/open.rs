//! Opens a read-only connection.

use diesel::connection::Connection;
use diesel::result::{ConnectionError, ConnectionResult};
use diesel::sqlite::SqliteConnection;

use crate::config::RepoSettings;

/// The application's default instrumentation is on it, as on any connection that Diesel opens.
pub(super) fn open(settings: &RepoSettings) -> ConnectionResult<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&settings.database.read_only())?;
    // `busy_timeout` above all: LiteFS applies a transaction under exclusive locks, which a reader
    // meets.
    settings.on_open.run(&mut conn).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}
