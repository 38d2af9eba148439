use litefs_diesel::{Error, RepoHandle};

diesel::table! { users { id -> Integer, name -> Text, } }

struct Plain {
    id: i32,
}

async fn example(repo: RepoHandle, row: Plain) -> Result<(), Error> {
    repo.delete(&row).await?;
    Ok(())
}

fn main() {}
