use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable)]
struct Plain {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle) -> Result<(), Error> {
    let row: Plain = repo.insert(users::table, users::name.eq("Ada")).await?;
    Ok(())
}

fn main() {}
