use diesel::SqliteConnection;
use litefs_diesel::{DbError, procedure};

mod bank {
    use super::*;

    #[procedure(repo = super::Shop, version = 1)]
    pub fn pay(_conn: &mut SqliteConnection, _cents: i64) -> Result<(), DbError> {
        Ok(())
    }
}

fn main() {}
