use litefs_diesel::litefs_repo;

#[litefs_repo(crate = "missing")]
pub struct Repo;

fn main() {}
