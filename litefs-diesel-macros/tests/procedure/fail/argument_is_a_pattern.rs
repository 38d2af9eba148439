use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    use super::*;

    #[procedure(repo = Repo, version = 1)]
    pub fn pay(_conn: &mut SqliteConnection, (_from, _to): (i32, i32)) -> Result<(), DbError> {
        Ok(())
    }
}

async fn uses(repo: Repo) {
    let _ = repo.pay((1, 2)).await;
}

fn main() {}
