use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle) -> Result<(), Error> {
    let row: User = repo.returning_one(diesel::delete(users::table.find(1)).returning(users::id)).await?;
    Ok(())
}

fn main() {}
