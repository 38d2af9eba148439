//! Opens a read-only connection.

use std::io::ErrorKind;

use diesel::connection::Connection;
use diesel::result::{ConnectionError, ConnectionResult};
use diesel::sqlite::SqliteConnection;

use crate::config::RepoSettings;

/// The application's default instrumentation is on it, as on any connection that Diesel opens.
pub(super) fn open(settings: &RepoSettings) -> ConnectionResult<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&settings.database.read_only())
        .map_err(|error| explain(settings, error))?;
    // `busy_timeout` above all: LiteFS applies a transaction under exclusive locks, which a reader
    // meets.
    settings.on_open.run(&mut conn).map_err(|error| match why_gone(settings) {
        // Not what was set up is wrong, but what it was set up on.
        Some(why) => ConnectionError::BadConnection(format!("{error}: {why}")),
        None => ConnectionError::CouldntSetupConfiguration(error),
    })?;
    Ok(conn)
}

fn explain(settings: &RepoSettings, error: ConnectionError) -> ConnectionError {
    match why_gone(settings) {
        Some(why) => ConnectionError::BadConnection(format!("{error}: {why}")),
        None => error,
    }
}

/// SQLite only says that it is unable to open the file. With LiteFS down the mount is dead, or gone
/// and the file with it.
fn why_gone(settings: &RepoSettings) -> Option<&'static str> {
    match std::fs::metadata(settings.database.file()).err()?.kind() {
        ErrorKind::NotFound => Some("the file is not there; if LiteFS keeps it: LiteFS is not running"),
        ErrorKind::NotConnected | ErrorKind::ConnectionAborted => {
            Some("LiteFS there is not running any more; start it again")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn a_file_that_is_not_there_is_named_as_the_cause() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::default().database("test", dir.path().join("app.db").to_str().unwrap());
        let error = super::open(&config.resolve().unwrap().repos["test"]).err().unwrap().to_string();
        assert!(error.contains("the file is not there"), "{error}");
    }
}
