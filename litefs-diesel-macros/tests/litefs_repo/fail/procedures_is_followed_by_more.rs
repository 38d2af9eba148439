use litefs_diesel::litefs_repo;

#[litefs_repo(procedures(bank::pay) x)]
pub struct Repo;

// What uses the repo gets no message of its own.
async fn uses(config: litefs_diesel::Config) -> Result<Repo, litefs_diesel::Error> {
    let repo = Repo::start(config).await?;
    let _: &litefs_diesel::RepoHandle = &repo;
    println!("{repo:?}");
    Ok(repo.clone())
}

fn main() {
    let _ = uses;
}
