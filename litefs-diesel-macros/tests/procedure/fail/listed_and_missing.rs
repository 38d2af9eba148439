use litefs_diesel::litefs_repo;

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {}

fn main() {}
