use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    use super::*;

    #[procedure(repo = Repo, version = 1)]
    pub fn pay(_conn: &mut SqliteConnection, _to: &'static str) -> Result<(), DbError> {
        Ok(())
    }
}

fn main() {}
