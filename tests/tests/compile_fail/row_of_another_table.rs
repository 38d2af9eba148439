use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }
diesel::table! { posts { id -> Integer, title -> Text, } }

#[derive(Queryable, Selectable)]
#[diesel(table_name = posts)]
struct Post {
    id: i32,
    title: String,
}

async fn example(repo: RepoHandle) -> Result<(), Error> {
    let post: Option<Post> = repo.get(users::table, 1).await?;
    Ok(())
}

fn main() {}
