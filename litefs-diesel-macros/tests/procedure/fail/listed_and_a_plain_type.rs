use litefs_diesel::litefs_repo;

#[litefs_repo(procedures(bank::Account))]
pub struct Repo;

mod bank {
    pub struct Account;
}

fn main() {}
