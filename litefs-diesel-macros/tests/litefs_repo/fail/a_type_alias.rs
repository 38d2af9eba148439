use litefs_diesel::litefs_repo;

pub struct Other;

#[litefs_repo]
pub type Repo = Other;

fn main() {}
