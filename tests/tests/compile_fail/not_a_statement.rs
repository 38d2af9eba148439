use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

async fn example(repo: RepoHandle) -> Result<(), Error> {
    repo.execute("DELETE FROM users").await?;
    Ok(())
}

fn main() {}
