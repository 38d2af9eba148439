use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    use super::*;

    pub struct Order;

    #[procedure(repo = Repo, version = 1)]
    pub fn pay(_conn: &mut SqliteConnection, _cents: i64, _by: Order) -> Result<(), DbError> {
        Ok(())
    }
}

async fn uses(repo: Repo) {
    let _ = repo.pay(5, bank::Order).await;
}

fn main() {}
