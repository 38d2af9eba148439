//! Two versions of one procedure side by side, one of them in a module that few can see.

use diesel::SqliteConnection;
use litefs_diesel::{DbError, Procedure, litefs_repo, procedure};

#[litefs_repo(procedures(bank::transfer, bank::older::transfer_v1,))]
pub(crate) struct Repo;

mod bank {
    use super::*;

    /// Moves money.
    #[procedure(repo = Repo, version = 2)]
    pub(crate) fn transfer(
        _conn: &mut SqliteConnection,
        cents: i64,
        _why: Option<String>,
    ) -> Result<i64, DbError> {
        Ok(cents)
    }

    pub(super) mod older {
        use super::*;

        #[procedure(repo = super::super::Repo, version = 1, name = "transfer")]
        pub(in super::super) fn transfer_v1(conn: &mut SqliteConnection, cents: i32) -> Result<i64, DbError> {
            super::transfer(conn, cents.into(), None)
        }
    }
}

async fn calls(repo: &Repo) {
    let _ = (repo.transfer(1, None).await, repo.transfer_v1(1).await);
}

fn main() {
    let _ = calls;
    let named = |name: &'static str, version| (name, version);
    assert_eq!(named(bank::transfer::NAME, bank::transfer::VERSION), ("transfer", 2));
    use bank::older::transfer_v1;
    assert_eq!(named(transfer_v1::NAME, transfer_v1::VERSION), ("transfer", 1));
}
