use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Insertable)]
#[diesel(table_name = users)]
struct NewUser {
    name: String,
}

async fn example(repo: RepoHandle, row: NewUser) -> Result<(), Error> {
    repo.insert_all(users::table, &row).await?;
    Ok(())
}

fn main() {}
