//! Why a statement may not run, each with what to do instead.

use crate::error::{DatabaseError, ErrorKind};
use crate::statement::split::from_first_token;

/// The end of every refusal's text, by which it is known after it has become a [`DatabaseError`].
const NOTHING: &str = "; nothing changed";

/// A statement that may not run: nothing of it did, and nothing of the request that it is part of is kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Forbidden {
    #[error(
        "`{0}` opens another file on a connection that is everybody's: attach it in `Config::on_open`, or give that \
         database a repo of its own"
    )]
    Attach(String),
    #[error(
        "`{0}` writes a file on the primary's disk: run it on a `LitefsConnection` outside of a transaction, where it \
         writes on the disk of that node"
    )]
    VacuumInto(String),
    #[error(
        "`{0}` loads code into the primary: register functions in `Config::on_open`, from the application's own code"
    )]
    LoadExtension(String),
    #[error(
        "`{0}` makes, changes or fills a TEMP table, view or trigger, and on the writer's connection it would stand in \
         the way of everybody's: make it in `Config::on_open`, or use a table of the database, a `WITH`, or a \
         procedure that drops it again"
    )]
    Temp(String),
    #[error(
        "`{0}` sets what a whole connection holds, and this one is everybody's: set it in `Config::on_open`, or in the \
         repo's settings"
    )]
    Setting(String),
    #[error("`{0}` is not a `PRAGMA` that may be sent to the primary: run it in `Config::on_open`")]
    Pragma(String),
    #[error(
        "`{0}` writes pages or the schema past SQLite's own checks: use CREATE, ALTER and DROP in a migration"
    )]
    Schema(String),
    #[error(
        "`{0}` would change what the library keeps for itself (names that begin with `__litefs_diesel` or \
         `litefs_diesel_`): choose another name, or take it out; to leave the ledger off is a setting"
    )]
    Ledger(String),
    #[error(
        "what the library keeps for itself (`{0}`) was changed by a statement or a procedure: take out what touches \
         names that begin with `__litefs_diesel`"
    )]
    LedgerChanged(String),
    #[error(
        "`{0}` runs in a transaction, and was sent to run outside of one: send it as a write like any other"
    )]
    NotAlone(String),
    #[error("`{0}` begins or ends a transaction where others read: use `read_transaction` or `transaction`")]
    Control(String),
}

/// As much of a statement as an error shows.
pub(super) fn shown(sql: &str) -> String {
    const SHOWN: usize = 120;
    let sql = from_first_token(sql);
    match sql.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &sql[..end]),
        None => sql.to_owned(),
    }
}

/// Why a statement does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAllowed {
    /// It may not: the text says what to do instead.
    #[error("{0}{NOTHING}")]
    Forbidden(#[from] Forbidden),
    /// What SQLite said when it was asked what the statement would do: it says the same to whoever runs it.
    #[error(transparent)]
    Sql(#[from] diesel::result::Error),
}

/// Whether that is what a statement was refused with. By its text, for there is no more to it on the wire: a
/// trigger's own message that ends alike is taken for one.
pub(crate) fn is_refusal(error: &DatabaseError) -> bool {
    error.kind == ErrorKind::Other && error.message.ends_with(NOTHING)
}

impl From<NotAllowed> for DatabaseError {
    fn from(why: NotAllowed) -> Self {
        match why {
            NotAllowed::Forbidden(_) => Self::other(why.to_string()),
            NotAllowed::Sql(error) => error.into(),
        }
    }
}
