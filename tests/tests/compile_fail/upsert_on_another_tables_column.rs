use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }
diesel::table! { posts { id -> Integer, title -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = users)]
struct NewUser {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle, row: NewUser) -> Result<(), Error> {
    let user: User = repo.upsert(users::table, &row, posts::id).await?;
    Ok(())
}

fn main() {}
