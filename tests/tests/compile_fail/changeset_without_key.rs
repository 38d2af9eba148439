use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

#[derive(AsChangeset)]
#[diesel(table_name = users)]
struct Rename {
    name: String,
}

async fn example(repo: RepoHandle, rename: Rename) -> Result<(), Error> {
    let user: User = repo.update(&rename).await?;
    Ok(())
}

fn main() {}
