use diesel::SqliteConnection;
use litefs_diesel::{LocalConnection, litefs_repo};

struct LocalConn(SqliteConnection);

impl LocalConnection for LocalConn {
    fn from_sqlite(conn: SqliteConnection) -> Self {
        Self(conn)
    }
    fn as_sqlite(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

#[litefs_repo(local = LocalConn)]
pub struct Repo;

fn main() {}
