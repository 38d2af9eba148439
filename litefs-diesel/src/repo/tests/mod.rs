//! Every typed method against SQLite: a file of its own, a thread that writes and one that reads.

mod futures_contract;
mod inserts;
mod keys;
mod migrations;
mod node;
mod outcomes;
mod procedures;
mod reads;
mod snapshots;
mod streams;
mod transactions;
mod values;
mod writes;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::{ConnectionError, Error as DieselError};

use self::node::TestNode;
use super::{Database, Lent, RepoHandle};
use crate::config::{Config, RepoConfig};
use crate::connection::{Access, Kinds, LitefsConnection};
use crate::error::Error;
use crate::litefs::Role;
use crate::position::Position;
use crate::reader::Readers;

diesel::table! {
    users {
        id -> Integer,
        name -> Text,
        email -> Nullable<Text>,
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
diesel::table! {
    follows (source, target) {
        source -> Integer,
        target -> Integer,
        since -> Text,
    }
}
diesel::joinable!(posts -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, posts);

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE users (
        id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, email TEXT UNIQUE, age INTEGER DEFAULT 18
    );
    CREATE TABLE posts (id INTEGER PRIMARY KEY NOT NULL, user_id INTEGER NOT NULL, title TEXT NOT NULL);
    CREATE TABLE follows (
        source INTEGER NOT NULL, target INTEGER NOT NULL, since TEXT NOT NULL, PRIMARY KEY (source, target)
    );
";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
    email: Option<String>,
    age: Option<i32>,
}

#[derive(Debug, PartialEq, Queryable, Selectable, Identifiable, Associations)]
#[diesel(belongs_to(User))]
struct Post {
    id: i32,
    user_id: i32,
    title: String,
}

#[derive(Debug, PartialEq, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(primary_key(source, target))]
struct Follow {
    source: i32,
    target: i32,
    since: String,
}

#[derive(Debug, Clone, Default, Insertable, AsChangeset)]
#[diesel(table_name = users)]
struct NewUser<'a> {
    name: &'a str,
    email: Option<&'a str>,
    age: Option<i32>,
}

fn named(name: &str) -> NewUser<'_> {
    NewUser { name, ..NewUser::default() }
}

/// A repo on a file of its own, with the real writer and readers, and what its ends saw.
struct TestRepo {
    repo: RepoHandle,
    node: Arc<TestNode>,
    readers: Arc<Readers>,
    _runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

impl TestRepo {
    fn new() -> Self {
        Self::with(|settings| settings)
    }

    /// With other settings than the usual.
    fn with(change: impl FnOnce(RepoConfig) -> RepoConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db").display().to_string();
        SqliteConnection::establish(&path).unwrap().batch_execute(SCHEMA).unwrap();
        let repo = change(RepoConfig::new(&path).pool_size(1));
        let settings = Config::default().repo("test", repo).resolve().unwrap().repos["test"].clone();
        let readers = Readers::start(settings.clone(), Arc::new(|| ())).unwrap();
        let node = TestNode::start(settings, &readers);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let access = Arc::new(Access {
            name: "test".into(),
            file: path.into(),
            primary: Arc::clone(&node) as _,
            readers: Arc::clone(&readers),
            kinds: Arc::new(Kinds::new(Arc::clone(&readers))),
            idle: Arc::default(),
            timeout: Duration::from_secs(30),
            ack: crate::request::Ack::default(),
            runtime: runtime.handle().clone(),
            foreign_keys: true,
            journal_mode: "wal".into(),
        });
        let connect = move || {
            let refused = |error: ConnectionError| Error::Read(DieselError::QueryBuilderError(error.into()));
            LitefsConnection::on(Arc::clone(&access)).map_err(refused)
        };
        let repo = RepoHandle::new(Arc::new(Database {
            primary: Arc::clone(&node) as _,
            readers: Arc::clone(&readers),
            here: Arc::clone(&node) as _,
            connect: Arc::new(connect),
            lent: Lent::new(1),
            timeout: Duration::from_secs(30),
            ack: crate::request::Ack::default(),
            runtime: runtime.handle().clone(),
        }));
        Self { repo, node, readers, _runtime: runtime, _dir: dir }
    }

    /// With Ada (1) and Bob (2).
    fn with_users() -> Self {
        Self::new().and_users()
    }

    fn and_users(self) -> Self {
        let rows = [NewUser { name: "Ada", email: Some("ada@example.org"), age: Some(36) }, named("Bob")];
        assert_eq!(done(self.repo.insert_all(users::table, &rows)).unwrap(), 2);
        self
    }

    fn writes(&self) -> usize {
        self.node.writes.load(Ordering::Relaxed)
    }
}

impl Drop for TestRepo {
    fn drop(&mut self) {
        self.node.writer.close();
        self.readers.close();
    }
}

/// Waits without any runtime: what a method returns must not need one.
fn done<T>(call: impl Future<Output = T>) -> T {
    pollster::block_on(call)
}
