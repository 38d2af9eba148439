use litefs_diesel::litefs_repo;

pub struct Other;

#[litefs_repo]
pub fn repo() {}

fn main() {}
