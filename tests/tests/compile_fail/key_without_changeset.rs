use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle, user: User) -> Result<(), Error> {
    let user: User = repo.update(&user).await?;
    Ok(())
}

fn main() {}
