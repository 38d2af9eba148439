use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(pay))]
pub struct Repo;

#[procedure(repo = Repo, version = 1)]
pub fn pay(_conn: &mut SqliteConnection) -> Result<(), DbError> {
    Ok(())
}

#[procedure(repo = Repo, version = 1)]
pub fn forgotten(_conn: &mut SqliteConnection) -> Result<(), DbError> {
    Ok(())
}

async fn uses(repo: Repo) {
    let _ = repo.pay().await;
}

fn main() {}
