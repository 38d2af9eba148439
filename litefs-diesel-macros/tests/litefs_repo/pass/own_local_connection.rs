//! A connection type of the application's own, with parameters too, neither `Clone` nor `Debug`.

use diesel::SqliteConnection;
use litefs_diesel::{LitefsRepo, LocalConnection, litefs_repo};
use std::marker::PhantomData;

pub struct LocalConn(SqliteConnection);

impl LocalConnection for LocalConn {
    fn from_sqlite(conn: SqliteConnection) -> Self {
        Self(conn)
    }
    fn as_sqlite(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

pub struct Tagged<A, B>(SqliteConnection, PhantomData<(A, B)>);

impl<A: Send + 'static, B: Send + 'static> LocalConnection for Tagged<A, B> {
    fn from_sqlite(conn: SqliteConnection) -> Self {
        Self(conn, PhantomData)
    }
    fn as_sqlite(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

#[litefs_repo(local = LocalConn)]
pub struct Repo;

#[litefs_repo(local = Tagged<u8, Vec<(u8, u8)>>, name = "tagged")]
pub struct TaggedRepo;

fn is_shared<T: Clone + std::fmt::Debug + Send + Sync + 'static>() {}

fn local_of<R: LitefsRepo<Local = L>, L>() {}

fn main() {
    is_shared::<Repo>();
    local_of::<Repo, LocalConn>();
    local_of::<TaggedRepo, Tagged<u8, Vec<(u8, u8)>>>();
}
