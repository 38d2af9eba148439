use diesel::prelude::*;
use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }
diesel::table! { posts { id -> Integer, title -> Text, } }

async fn example(repo: RepoHandle) -> Result<(), Error> {
    repo.update_all(users::table, posts::title.eq("One")).await?;
    Ok(())
}

fn main() {}
