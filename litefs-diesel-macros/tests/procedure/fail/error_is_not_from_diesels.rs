use diesel::SqliteConnection;
use litefs_diesel::{litefs_repo, procedure};

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Refused;

    #[procedure(repo = Repo, version = 1)]
    pub fn pay(_conn: &mut SqliteConnection, _cents: i64) -> Result<(), Refused> {
        Ok(())
    }
}

// Who calls it gets no message of its own.
async fn uses(repo: Repo) {
    let _ = repo.pay(5).await;
    let _ = bank::pay;
}

fn main() {}
