use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

struct NewUser {
    name: String,
}

async fn example(repo: RepoHandle, new: NewUser) -> Result<(), Error> {
    let user: User = repo.insert(users::table, &new).await?;
    Ok(())
}

fn main() {}
