use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

async fn example(repo: RepoHandle) -> Result<(), Error> {
    let rows = vec![users::name.eq("Ada")];
    let users: Vec<User> = repo.returning(diesel::insert_into(users::table).values(&rows)).await?;
    Ok(())
}

fn main() {}
