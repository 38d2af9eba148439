use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Order;

    #[procedure(repo = Repo, version = 1)]
    pub fn pay(_conn: &mut SqliteConnection, _by: &Order) -> Result<(), DbError> {
        Ok(())
    }
}

fn main() {}
