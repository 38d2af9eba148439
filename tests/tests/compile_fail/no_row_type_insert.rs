use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

async fn example(repo: RepoHandle) -> Result<(), Error> {
    repo.insert(users::table, users::name.eq("Ada")).await?;
    Ok(())
}

fn main() {}
