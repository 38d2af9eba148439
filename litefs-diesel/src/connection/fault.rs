//! What SQLite's errors tell a connection to do.

use diesel::result::{DatabaseErrorKind, Error};

use crate::error::READONLY;

/// The connection that only reads was asked to write: the statement belongs to the primary.
pub(crate) fn is_readonly(error: &Error) -> bool {
    says(error, |message| message == READONLY)
}

/// The file under the connection is gone, as when LiteFS died: open it anew before the next call.
pub(super) fn is_dead(error: &Error) -> bool {
    const DEAD: [&str; 4] =
        ["disk I/O error", "unable to open database file", "locking protocol", "file is not a database"];
    says(error, |message| DEAD.contains(&message))
}

/// What SQLite says of a step that does not fit, in its own words.
pub(super) fn sqlite(message: &str) -> Error {
    Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()))
}

fn says(error: &Error, is: impl Fn(&str) -> bool) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, info) if is(info.message()))
}
