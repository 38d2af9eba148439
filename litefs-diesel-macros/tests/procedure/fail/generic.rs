use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    use super::*;

    #[procedure(repo = Repo, version = 1)]
    pub fn pay<T: Into<i64>>(_conn: &mut SqliteConnection, _cents: T) -> Result<(), DbError> {
        Ok(())
    }
}

fn main() {}
