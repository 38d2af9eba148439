use litefs_diesel::litefs_repo;

#[litefs_repo(procedures(bank::pay))]
pub struct Repo;

mod bank {
    pub fn pay(_conn: &mut diesel::SqliteConnection) {}
}

fn main() {}
