use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

async fn example(repo: RepoHandle) -> Result<(), Error> {
    let rows = repo.all(users::table).await?;
    Ok(())
}

fn main() {}
