use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

async fn example(repo: RepoHandle) -> Result<(), Error> {
    let row = repo.get(users::table, 1).await?;
    Ok(())
}

fn main() {}
