use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

async fn example(repo: RepoHandle) -> Result<(), Error> {
    repo.update_all(users::table.select(users::id), users::name.eq("Ada")).await?;
    Ok(())
}

fn main() {}
