use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

async fn example(repo: RepoHandle) -> Result<(), Error> {
    repo.delete_all(users::table.select(users::id)).await?;
    Ok(())
}

fn main() {}
