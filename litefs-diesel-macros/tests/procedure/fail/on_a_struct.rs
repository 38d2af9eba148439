use litefs_diesel::{litefs_repo, procedure};

#[litefs_repo]
pub struct Repo;

#[procedure(repo = Repo, version = 1)]
pub struct Pay;

fn main() {}
