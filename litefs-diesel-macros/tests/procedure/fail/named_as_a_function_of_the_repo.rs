use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(start))]
pub struct Repo;

#[procedure(repo = Repo, version = 1)]
pub fn start(_conn: &mut SqliteConnection) -> Result<(), DbError> {
    Ok(())
}

fn main() {}
