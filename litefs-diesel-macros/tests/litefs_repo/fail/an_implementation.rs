use litefs_diesel::litefs_repo;

pub struct Other;

#[litefs_repo]
impl Other {}

fn main() {}
