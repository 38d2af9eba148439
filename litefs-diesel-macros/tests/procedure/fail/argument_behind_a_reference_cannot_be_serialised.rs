use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    use super::*;

    #[derive(Clone)]
    pub struct Order;

    #[procedure(repo = Repo, version = 1)]
    pub fn pay(_conn: &mut SqliteConnection, _by: &Order) -> Result<(), DbError> {
        Ok(())
    }
}

async fn uses(repo: Repo) {
    let _ = repo.pay(&bank::Order).await;
}

fn main() {}
