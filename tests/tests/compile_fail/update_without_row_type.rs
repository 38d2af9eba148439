use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Identifiable, AsChangeset)]
#[diesel(table_name = users)]
struct Rename {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle, rename: Rename) -> Result<(), Error> {
    repo.update(&rename).await?;
    Ok(())
}

fn main() {}
