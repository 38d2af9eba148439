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
    name: String,
}

async fn example(repo: RepoHandle, rows: Vec<NewUser>) -> Result<(), Error> {
    let user: User = repo.insert(users::table, &rows).await?;
    Ok(())
}

fn main() {}
