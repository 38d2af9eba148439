use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }
diesel::table! { posts { id -> Integer, title -> Text, } }

#[derive(Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
}

#[derive(Insertable)]
#[diesel(table_name = posts)]
struct NewPost {
    title: String,
}

async fn example(repo: RepoHandle, post: NewPost) -> Result<(), Error> {
    let user: User = repo.insert(users::table, &post).await?;
    Ok(())
}

fn main() {}
