//! The connection against a real primary of its own: one thread with one `SqliteConnection`.

mod batch;
mod instrumentation;
mod migrating;
mod outcomes;
mod pools;
mod primary;
mod reading;
mod reopening;
mod same;
mod state;
mod transactions;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use tempfile::TempDir;

use self::primary::TestPrimary;
use super::{Access, Kinds, LitefsConnection, registry};
use crate::reader::Readers;

diesel::table! {
    users {
        id -> Integer,
        name -> Text,
        age -> Nullable<Integer>,
    }
}

diesel::table! {
    posts {
        id -> Integer,
        user_id -> Integer,
        title -> Text,
    }
}

diesel::joinable!(posts -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, posts);

const SCHEMA: &str = "PRAGMA journal_mode = WAL;
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER CHECK (age > 0));
    CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT NOT NULL,
        user_id INTEGER NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE VIRTUAL TABLE f3 USING fts3 (x);
    INSERT INTO f3 VALUES ('hello world'); INSERT INTO f3 VALUES ('hello again')";

fn runtime() -> tokio::runtime::Handle {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().unwrap()).handle().clone()
}

/// A database with a primary, and connections to it.
struct Node {
    access: Arc<Access>,
    primary: Arc<TestPrimary>,
    folder: TempDir,
}

impl Node {
    fn new() -> Self {
        Self::with_on_open(|_| Ok(()))
    }

    fn with_on_open(
        on_open: impl Fn(&mut SqliteConnection) -> QueryResult<()> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("app.db");
        let mut writer = SqliteConnection::establish(&file.display().to_string()).unwrap();
        writer.batch_execute(SCHEMA).unwrap();
        writer.batch_execute("PRAGMA foreign_keys = ON").unwrap();
        on_open(&mut writer).unwrap();
        let primary = Arc::new(TestPrimary::start(writer));
        let readers = Readers::of_file(&file, on_open);
        let access = Arc::new(Access {
            name: "Repo".into(),
            file,
            primary: Arc::clone(&primary) as _,
            kinds: Arc::new(Kinds::new(Arc::clone(&readers))),
            readers,
            idle: Arc::default(),
            timeout: Duration::from_secs(10),
            ack: crate::request::Ack::default(),
            runtime: runtime(),
            foreign_keys: true,
            journal_mode: "wal".into(),
        });
        registry::register(&access);
        Self { access, primary, folder }
    }

    fn connection(&self) -> LitefsConnection {
        LitefsConnection::on(Arc::clone(&self.access)).unwrap()
    }

    /// The same for another file, whose writes nobody makes.
    fn access_with(&self, file: PathBuf, kinds: Kinds) -> Arc<Access> {
        Arc::new(Access {
            name: "Repo".into(),
            readers: Readers::of_file(&file, |_| Ok(())),
            file,
            primary: Arc::clone(&self.access.primary),
            kinds: Arc::new(kinds),
            idle: Arc::default(),
            runtime: runtime(),
            journal_mode: "wal".into(),
            ..*self.access
        })
    }

    fn url(&self) -> String {
        self.access.file.display().to_string()
    }

    /// A bare connection to the same file.
    fn bare(&self) -> SqliteConnection {
        SqliteConnection::establish(&self.url()).unwrap()
    }

    /// How many users there are, as everybody sees it.
    fn users(&self) -> i64 {
        users::table.count().get_result(&mut self.bare()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A bare connection to a database of the same schema.
fn bare() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(SCHEMA).unwrap();
    conn
}

fn insert(conn: &mut LitefsConnection, name: &str) -> QueryResult<usize> {
    diesel::insert_into(users::table).values(users::name.eq(name)).execute(conn)
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Word {
    #[diesel(sql_type = Text)]
    w: String,
}

fn number(conn: &mut LitefsConnection, sql: &str) -> i64 {
    diesel::sql_query(sql).get_result::<Number>(conn).unwrap_or_else(|error| panic!("{sql}: {error}")).n
}
