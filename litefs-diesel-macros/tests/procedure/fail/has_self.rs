use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo]
pub struct Repo;

pub struct Bank;

impl Bank {
    #[procedure(repo = Repo, version = 1)]
    pub fn pay(&self, _conn: &mut SqliteConnection) -> Result<(), DbError> {
        Ok(())
    }
}

fn main() {}
