use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(pay, refund, pay_at_once))]
pub struct Repo;

#[procedure(repo = Repo, version = 1)]
pub fn pay(_conn: &mut SqliteConnection) -> Result<(), DbError> {
    Ok(())
}

#[procedure(repo = Repo, version = 2)]
pub fn refund(_conn: &mut SqliteConnection) -> Result<(), DbError> {
    Ok(())
}

#[procedure(repo = Repo, version = 1, name = "pay")]
pub fn pay_at_once(_conn: &mut SqliteConnection) -> Result<(), DbError> {
    Ok(())
}

async fn uses(repo: Repo) {
    let _ = repo.pay_at_once().await;
}

fn main() {}
