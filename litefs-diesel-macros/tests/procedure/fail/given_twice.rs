use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    use super::*;

    #[procedure(repo = Repo, version = 1)]
    #[procedure(repo = Repo, version = 1)]
    pub fn pay(_conn: &mut SqliteConnection, _cents: i64) -> Result<(), DbError> {
        Ok(())
    }
}

// Who calls it gets no message of its own.
async fn uses(repo: Repo) {
    let _ = repo.pay(5).await;
    let _ = bank::pay;
}

fn main() {}
