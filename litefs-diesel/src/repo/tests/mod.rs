//! Every typed method against SQLite: a file of its own, a thread that writes and one that reads.

mod futures_contract;
mod inserts;
mod outcomes;
mod reads;
mod streams;
mod values;
mod writes;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::standin::{LitefsConnection, Readers, execute};
use super::{Database, Health, Here, RepoHandle, Requests};
use crate::error::{CommittedValue, Error, NotExecuted};
use crate::litefs::Role;
use crate::position::Position;
use crate::request::{Begin, Primary, Terms, Transaction, WriteRequest, Written};
use crate::statement::{Outcome, Session, Statement};

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

/// A repo on a file of its own, and what its ends saw.
struct TestRepo {
    repo: RepoHandle,
    node: Arc<TestNode>,
    _runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

/// The primary, and what this node knows of itself: one connection, one file.
struct TestNode {
    writer: Arc<Mutex<SqliteConnection>>,
    writes: AtomicUsize,
    reads: AtomicUsize,
    waited_for: Mutex<Option<Position>>,
    lag: Mutex<Option<Duration>>,
    txid: AtomicU64,
    /// Whether a write's own node sees it by the deadline.
    visible: Mutex<bool>,
}

impl TestRepo {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db").display().to_string();
        let mut writer = SqliteConnection::establish(&path).unwrap();
        writer.batch_execute(SCHEMA).unwrap();
        let node = Arc::new(TestNode {
            writer: Arc::new(Mutex::new(writer)),
            writes: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            waited_for: Mutex::new(None),
            lag: Mutex::new(Some(Duration::ZERO)),
            txid: AtomicU64::new(0),
            visible: Mutex::new(true),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let readers = Arc::new(Readers::open(&path));
        let connect = move || -> Result<LitefsConnection, Error> {
            let mut conn = SqliteConnection::establish(&path)
                .map_err(|_| Error::NotExecuted(NotExecuted::ShuttingDown))?;
            conn.batch_execute("PRAGMA busy_timeout = 5000").map_err(Error::Read)?;
            Ok(conn)
        };
        let repo = RepoHandle::new(Arc::new(Database {
            primary: Arc::clone(&node) as _,
            readers,
            here: Arc::clone(&node) as _,
            connect: Arc::new(connect),
            requests: Requests::new(7),
            timeout: Duration::from_secs(10),
            runtime: runtime.handle().clone(),
        }));
        Self { repo, node, _runtime: runtime, _dir: dir }
    }

    /// With Ada (1) and Bob (2).
    fn with_users() -> Self {
        let test = Self::new();
        let rows = [NewUser { name: "Ada", email: Some("ada@example.org"), age: Some(36) }, named("Bob")];
        assert_eq!(done(test.repo.insert_all(users::table, &rows)).unwrap(), 2);
        test
    }

    fn writes(&self) -> usize {
        self.node.writes.load(Ordering::Relaxed)
    }
}

/// Waits without any runtime: what a method returns must not need one.
fn done<T>(call: impl Future<Output = T>) -> T {
    pollster::block_on(call)
}

impl TestNode {
    fn run(&self, statements: &[Statement]) -> Result<Vec<Outcome>, Error> {
        let mut conn = self.writer.lock().unwrap();
        conn.immediate_transaction(|conn| {
            statements
                .iter()
                .map(|statement| execute(conn, statement))
                .collect::<Result<Vec<_>, DieselError>>()
        })
        .map_err(Error::Rejected)
    }
}

impl Primary for TestNode {
    fn write(&self, request: WriteRequest, _: Terms) -> BoxFuture<'static, Result<Written, Error>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let visible = *self.visible.lock().unwrap();
        let written = self.run(&request.statements).map(|outcomes| {
            let txid = self.txid.fetch_add(1, Ordering::Relaxed) + 1;
            Written { outcomes, session: Session::default(), position: Position { txid, checksum: 1 << 63 } }
        });
        Box::pin(async move {
            match written {
                Ok(written) if !visible => Err(Error::CommittedNotVisible {
                    position: written.position,
                    value: CommittedValue::new(written),
                }),
                written => written,
            }
        })
    }

    fn read(&self, statement: Statement, _: Terms) -> BoxFuture<'static, Result<Outcome, Error>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut conn = self.writer.lock().unwrap();
        conn.batch_execute("PRAGMA query_only = 1").unwrap();
        let read = execute(&mut conn, &statement).map_err(Error::Read);
        conn.batch_execute("PRAGMA query_only = 0").unwrap();
        Box::pin(async move { read })
    }

    fn begin(
        &self,
        _: Begin,
        _: Session,
        _: Terms,
    ) -> BoxFuture<'static, Result<Box<dyn Transaction>, Error>> {
        Box::pin(async { Err(Error::NotExecuted(NotExecuted::NoLeader)) })
    }
}

impl Here for TestNode {
    fn wait(&self, position: Position, _: Instant) -> BoxFuture<'static, Result<(), Error>> {
        *self.waited_for.lock().unwrap() = Some(position);
        let reached = self.txid.load(Ordering::Relaxed) >= position.txid;
        Box::pin(async move {
            if reached { Ok(()) } else { Err(Error::ReadTimeout { why: "this node is behind".into() }) }
        })
    }

    fn lag(&self) -> Option<Duration> {
        *self.lag.lock().unwrap()
    }

    fn position(&self) -> BoxFuture<'static, Result<Position, Error>> {
        let txid = self.txid.load(Ordering::Relaxed);
        Box::pin(async move { Ok(Position { txid, checksum: 1 << 63 }) })
    }

    fn role(&self) -> Role {
        Role::Primary
    }

    fn roles(&self) -> BoxStream<'static, Role> {
        Box::pin(futures::stream::iter([Role::Primary, Role::NoLeader]))
    }

    fn ready(&self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn health(&self) -> Health {
        Health { role: self.role(), lag: self.lag(), accepting: true }
    }

    fn shutdown(&self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}
