use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }
diesel::table! { posts { id -> Integer, title -> Text, } }

#[derive(Insertable)]
#[diesel(table_name = posts)]
struct NewPost {
    title: String,
}

async fn example(repo: RepoHandle, posts: Vec<NewPost>) -> Result<(), Error> {
    repo.insert_all(users::table, &posts).await?;
    Ok(())
}

fn main() {}
