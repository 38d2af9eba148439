use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable)]
struct Plain {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle) -> Result<(), Error> {
    let row: Option<Plain> = repo.get(users::table, 1).await?;
    Ok(())
}

fn main() {}
