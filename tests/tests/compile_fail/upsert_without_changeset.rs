use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

#[derive(Insertable)]
#[diesel(table_name = users)]
struct NewUser {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle, row: NewUser) -> Result<(), Error> {
    let user: User = repo.upsert(users::table, &row, users::id).await?;
    Ok(())
}

fn main() {}
