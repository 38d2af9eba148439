use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle) -> Result<(), Error> {
    let user: Option<User> = repo.get(users::table, "one").await?;
    Ok(())
}

fn main() {}
