use diesel::SqliteConnection;
use litefs_diesel::{DbError, litefs_repo, procedure};

#[litefs_repo(procedures(pay))]
pub struct Repo;

#[procedure(repo = Repo, version = 1)]
fn pay(_conn: &mut SqliteConnection, _cents: i64) -> Result<(), DbError> {
    Ok(())
}

async fn uses(repo: Repo) {
    let _ = repo.pay(5).await;
}

fn main() {}
