//! A write that was given to a method that reads, told from other errors.

use std::time::Instant;

use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;

use super::database::Database;
use crate::connection::is_readonly;
use crate::error::Error;
use crate::statement::kind::{BuiltIns, Effect, explain};

/// The methods that take any query, and so a `DELETE … RETURNING` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadMethod {
    All,
    One,
    Count,
    Exists,
    Stream,
    /// Those that build their query themselves: it reads.
    Own,
}

impl ReadMethod {
    /// What a failed read is to the caller.
    pub(crate) fn refusal(self, error: DieselError) -> Error {
        match self.write_in_read() {
            Some(refused) if is_readonly(&error) => refused,
            _ => Error::Read(error),
        }
    }

    /// The same of a read's outcome.
    pub(crate) fn refusal_there(self, error: Error) -> Error {
        match error {
            Error::Read(error) | Error::Rejected(error) => self.refusal(error),
            other => other,
        }
    }

    /// The same for a query that was put inside another: there a write is a syntax error, and so
    /// SQLite is asked here what the query alone would do.
    pub(crate) async fn refusal_of(
        self,
        error: Error,
        inner: String,
        database: &Database,
        deadline: Instant,
    ) -> Error {
        let said_no = matches!(error, Error::Read(_) | Error::Rejected(_));
        let Some(refused) = self.write_in_read().filter(|_| said_no) else { return error };
        match database.readers.run(deadline, move |conn| writes(conn, &inner)).await {
            Ok(true) => refused,
            _ => self.refusal_there(error),
        }
    }

    fn write_in_read(self) -> Option<Error> {
        let (method, instead) = match self {
            Self::All => ("all", "returning"),
            Self::One => ("one", "returning_one"),
            Self::Count => ("count", "execute"),
            Self::Exists => ("exists", "execute"),
            Self::Stream => ("stream", "returning"),
            Self::Own => return None,
        };
        Some(Error::WriteInRead { method, instead })
    }
}

/// Whether a text writes, as SQLite says. What it cannot say, the error that is there already tells.
fn writes(conn: &mut SqliteConnection, sql: &str) -> bool {
    let kind = BuiltIns::of(conn).and_then(|built_ins| explain(conn, &built_ins, sql));
    kind.is_ok_and(|kind| !matches!(kind.effect, Effect::Reads | Effect::CallsOut))
}
