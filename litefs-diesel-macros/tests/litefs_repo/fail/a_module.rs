use litefs_diesel::litefs_repo;

pub struct Other;

#[litefs_repo]
mod repo {}

fn main() {}
