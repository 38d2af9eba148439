//! Accounts, and a procedure that moves money between them: several statements that belong
//! together, run by the primary in one transaction and one round trip.

use diesel::prelude::*;
use litefs_diesel::{DbError, Error, procedure};
use serde::{Deserialize, Serialize};

use crate::Repo;
use crate::schema::accounts;

/// Why no money was moved.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum TransferError {
    TooLittle { cents: i64 },
    Database(DbError),
}

impl From<diesel::result::Error> for TransferError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Moves money, and gives what is left.
#[procedure(repo = Repo, version = 1)]
pub(crate) fn transfer(
    conn: &mut SqliteConnection,
    from: i32,
    to: i32,
    cents: i64,
) -> Result<i64, TransferError> {
    let left: i64 = diesel::update(accounts::table.find(from))
        .set(accounts::cents.eq(accounts::cents - cents))
        .returning(accounts::cents)
        .get_result(conn)?;
    if left < 0 {
        // Rolls back what it has done.
        return Err(TransferError::TooLittle { cents: left + cents });
    }
    diesel::update(accounts::table.find(to))
        .set(accounts::cents.eq(accounts::cents + cents))
        .execute(conn)?;
    Ok(left)
}

/// All accounts with what is in them, read from this node's file.
pub(crate) async fn all(repo: &Repo) -> Result<Vec<(i32, i64)>, Error> {
    repo.all(accounts::table.order(accounts::id)).await
}
