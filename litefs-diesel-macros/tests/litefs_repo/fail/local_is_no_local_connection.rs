use litefs_diesel::{Config, Error, litefs_repo};

pub struct LocalConn(pub diesel::SqliteConnection);

#[litefs_repo(local = LocalConn)]
pub struct Repo;

async fn uses(config: Config) -> Result<Repo, Error> {
    let repo = Repo::start(config).await?;
    println!("{repo:?}");
    Ok(repo.clone())
}

fn main() {
    let _ = uses;
}
