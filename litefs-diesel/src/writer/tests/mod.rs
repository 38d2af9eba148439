mod allowed;
mod caller;
mod commits;
mod doubt;
mod keys;
mod ledger;
mod measured;
mod migrations;
mod procedures;
mod pruning;
mod settling;
mod transactions;
mod unguarded;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{Connection, SimpleConnection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sqlite::SqliteConnection;

use self::caller::{Caller, CommitFailure};
use super::*;
use crate::config::{Config, RepoConfig};
use crate::error::{Error, NotExecuted};
use crate::position::Position;
use crate::request::{Ack, SessionUse, Terms, Write};
use crate::statement::Want;
use crate::value::{ValueRef, Values};

/// A history whose role the test sets.
struct Fake {
    /// 0 is not primary.
    epoch: AtomicU64,
    /// Grows with each look, unless the test holds it.
    txid: AtomicU64,
    held: AtomicBool,
}

/// An epoch in which LiteFS does not give its position: it is gone.
const GONE: u64 = 999;

impl Fake {
    fn new() -> Arc<Self> {
        Arc::new(Self { epoch: AtomicU64::new(1), txid: AtomicU64::new(0), held: AtomicBool::new(false) })
    }
}

impl History for Fake {
    fn primary_epoch(&self) -> Option<u64> {
        Some(self.epoch.load(Ordering::SeqCst)).filter(|epoch| *epoch > 0)
    }

    fn position(&self) -> io::Result<Position> {
        if self.epoch.load(Ordering::SeqCst) == GONE {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let grown = u64::from(!self.held.load(Ordering::SeqCst));
        Ok(Position { txid: self.txid.fetch_add(grown, Ordering::SeqCst) + grown, checksum: 0 })
    }
}

struct Bench {
    writer: Caller,
    role: Arc<Fake>,
    file: tempfile::TempDir,
    procedures: Arc<Procedures>,
    settings: crate::config::RepoSettings,
    replicated: bool,
}

/// A name that ends the whole transaction.
const BOMB: &str = "CREATE TRIGGER bomb BEFORE INSERT ON t WHEN NEW.name = 'bomb' \
                    BEGIN SELECT RAISE(ROLLBACK, 'the bomb went off'); END";

fn bench(change: impl FnOnce(RepoConfig) -> RepoConfig) -> Bench {
    bench_on(false, change)
}

fn bench_on(replicated: bool, change: impl FnOnce(RepoConfig) -> RepoConfig) -> Bench {
    bench_with(replicated, change, |_| Ok(()), Fake::new())
}

fn bench_with(
    replicated: bool,
    change: impl FnOnce(RepoConfig) -> RepoConfig,
    on_open: impl Fn(&mut SqliteConnection) -> diesel::QueryResult<()> + Send + Sync + 'static,
    role: Arc<Fake>,
) -> Bench {
    bench_of(replicated, change, |config| config, on_open, role)
}

fn bench_of(
    replicated: bool,
    change: impl FnOnce(RepoConfig) -> RepoConfig,
    set_up: impl FnOnce(Config) -> Config,
    on_open: impl Fn(&mut SqliteConnection) -> diesel::QueryResult<()> + Send + Sync + 'static,
    role: Arc<Fake>,
) -> Bench {
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("t.db");
    let path = path.to_str().unwrap();
    let mut conn = SqliteConnection::establish(path).unwrap();
    conn.batch_execute(
        "PRAGMA journal_mode = wal; \
         CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE); \
         CREATE TABLE child (parent INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    .unwrap();
    conn.batch_execute(BOMB).unwrap();
    let repo = change(RepoConfig::new(path).busy_timeout(Duration::from_millis(100)));
    let config = set_up(Config::default().repo("test", repo).on_open(on_open));
    let settings = config.resolve().unwrap().repos["test"].clone();
    let procedures = Arc::<Procedures>::default();
    let writer = start(&settings, replicated, &role, &procedures);
    Bench { writer, role, file, procedures, settings, replicated }
}

fn start(
    settings: &crate::config::RepoSettings,
    replicated: bool,
    role: &Arc<Fake>,
    procedures: &Arc<Procedures>,
) -> Caller {
    let readers = Readers::start(settings.clone(), Arc::new(|| ())).unwrap();
    let writer =
        Writer::start(settings.clone(), replicated, role.clone(), readers, procedures.clone()).unwrap();
    Caller::new(writer)
}

impl Bench {
    /// The same database in the hands of another process: its cache knows nothing of the first's.
    fn another(&self) -> Caller {
        start(&self.settings, self.replicated, &self.role, &self.procedures)
    }

    /// A connection of the test's own, to hold the lock or to look.
    fn direct(&self) -> SqliteConnection {
        SqliteConnection::establish(self.file.path().join("t.db").to_str().unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        use diesel::prelude::*;
        diesel::dsl::sql::<diesel::sql_types::Text>("SELECT name FROM t ORDER BY id")
            .load(&mut self.patient())
            .unwrap()
    }
}

impl Bench {
    /// Another process changes the database.
    fn change(&self, statements: &str) {
        self.patient().batch_execute(statements).unwrap();
    }

    /// One that waits: the writer answers what it refuses before it has let go of the lock.
    fn patient(&self) -> SqliteConnection {
        let mut conn = self.direct();
        conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
        conn
    }

    fn number(&self, query: &str) -> i64 {
        use diesel::prelude::*;
        diesel::dsl::sql::<diesel::sql_types::BigInt>(query).get_result(&mut self.patient()).unwrap()
    }

    fn rows(&self, table: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM {table}"))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.writer.close();
    }
}

fn sql(text: &str) -> Statement {
    Statement { sql: text.into(), binds: Values::new(), cacheable: false, want: Want::Count }
}

fn request(statements: &[&str]) -> Write {
    Write::of(statements.iter().map(|text| sql(text)).collect())
}

fn insert(name: &str) -> Write {
    request(&[&format!("INSERT INTO t (name) VALUES ('{name}')")])
}

fn terms() -> Terms {
    Terms { deadline: Instant::now() + Duration::from_secs(20), ack: Ack::Visible }
}

fn rejected(result: Result<Written, Error>) -> (DatabaseErrorKind, String) {
    match result {
        Err(Error::Rejected(DieselError::DatabaseError(kind, info))) => (kind, info.message().to_owned()),
        other => panic!("expected a rejection, got {other:?}"),
    }
}

/// Holds the writer at a lock, so that what is sent meanwhile makes one group.
async fn grouped(bench: &Bench, requests: Vec<Write>) -> Vec<Result<Written, Error>> {
    let mut transaction = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let calls: Vec<_> = requests.into_iter().map(|request| bench.writer.write(request, terms())).collect();
    transaction.run(sql("SELECT 1"), terms().deadline).await.unwrap();
    transaction.rollback(terms().deadline).await.unwrap();
    futures::future::join_all(calls).await
}

#[tokio::test]
async fn a_write_is_committed_and_tells_its_position() {
    let bench = bench(|repo| repo);
    let written = bench.writer.write(insert("a"), terms()).await.unwrap();
    assert_eq!(written.outcomes[0].count, 1);
    assert_eq!(written.position.txid, 1);
    assert_eq!(bench.names(), ["a"]);
}

#[tokio::test]
async fn a_failing_request_takes_back_itself_and_nobody_else() {
    let bench = bench(|repo| repo);
    let half = request(&["INSERT INTO t (name) VALUES ('half')", "INSERT INTO t (name) VALUES ('a')"]);
    let results =
        grouped(&bench, vec![insert("a"), half, insert("b"), request(&["INSERT INTO nowhere VALUES (1)"])])
            .await;
    assert!(results[0].is_ok() && results[2].is_ok());
    let mut results = results.into_iter();
    let (kind, message) = rejected(results.nth(1).unwrap());
    assert!(matches!(kind, DatabaseErrorKind::UniqueViolation), "{kind:?}");
    assert_eq!(message, "UNIQUE constraint failed: t.name");
    assert_eq!(rejected(results.nth(1).unwrap()).1, "no such table: nowhere");
    assert_eq!(bench.names(), ["a", "b"]);
}

#[tokio::test]
async fn one_that_ends_the_transaction_does_not_take_its_neighbours_along() {
    let bench = bench(|repo| repo);
    for order in [["bomb", "a", "b"], ["c", "bomb", "d"], ["e", "f", "bomb"]] {
        for (name, result) in order.iter().zip(grouped(&bench, order.map(insert).into()).await) {
            match *name {
                "bomb" => assert_eq!(rejected(result).1, "the bomb went off"),
                _ => assert_eq!(result.unwrap().outcomes[0].count, 1),
            }
        }
    }
    let rollback = request(&["INSERT OR ROLLBACK INTO t (name) VALUES ('a')"]);
    let results = grouped(&bench, vec![insert("g"), rollback, insert("h")]).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(bench.names(), ["a", "b", "c", "d", "e", "f", "g", "h"]);
}

#[tokio::test]
async fn a_deferred_key_that_fails_the_commit_is_found_and_alone_rejected() {
    let bench = bench(|repo| repo);
    let orphan = |id: u32| request(&[&format!("INSERT INTO child VALUES ({id})")]);
    let mut requests: Vec<_> = (0..9).map(|i| insert(&format!("n{i}"))).collect();
    requests.insert(4, orphan(999));
    requests.push(orphan(998));
    let results = grouped(&bench, requests).await;
    for (index, result) in results.into_iter().enumerate() {
        match index {
            4 | 10 => assert!(matches!(rejected(result).0, DatabaseErrorKind::ForeignKeyViolation)),
            _ => drop(result.unwrap()),
        }
    }
    assert_eq!(bench.names().len(), 9);
}

#[tokio::test]
async fn transaction_control_as_a_statement_is_refused() {
    let bench = bench(|repo| repo);
    let batch = |text: &str| Write::of(vec![Statement { want: Want::Batch, ..sql(text) }]);
    let cases = [
        request(&["COMMIT"]),
        request(&[" -- x\n rollback"]),
        batch("INSERT INTO t (name) VALUES ('x'); COMMIT"),
    ];
    for case in cases {
        let results = grouped(&bench, vec![insert("a"), case]).await;
        let (_, message) = rejected(results.into_iter().nth(1).unwrap());
        assert!(message.contains("cannot be sent as a statement"), "{message}");
        assert_eq!(bench.names(), ["a"]);
        bench.direct().batch_execute("DELETE FROM t").unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_is_overloaded_at_once() {
    let bench = bench(|repo| repo.queue_length(2));
    let transaction = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let calls: Vec<_> = (0..3).map(|i| bench.writer.write(insert(&format!("{i}")), terms())).collect();
    let mut calls = calls.into_iter();
    let waiting: Vec<_> = calls.by_ref().take(2).collect();
    let overloaded = calls.next().unwrap().await;
    assert!(matches!(overloaded, Err(Error::NotExecuted(NotExecuted::Overloaded(_)))), "{overloaded:?}");
    transaction.rollback(terms().deadline).await.unwrap();
    assert!(futures::future::join_all(waiting).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn what_is_too_late_or_given_up_is_not_run() {
    let bench = bench(|repo| repo);
    let transaction = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let soon = Terms { deadline: Instant::now() + Duration::from_millis(30), ack: Ack::Visible };
    let late = bench.writer.write(insert("late"), soon);
    drop(bench.writer.write(insert("given up"), terms()));
    let wanted = bench.writer.write(insert("wanted"), terms());
    let late = late.await;
    assert!(matches!(late, Err(Error::NotExecuted(NotExecuted::Expired))), "{late:?}");
    transaction.rollback(terms().deadline).await.unwrap();
    wanted.await.unwrap();
    assert_eq!(bench.names(), ["wanted"]);
}

#[tokio::test]
async fn a_locked_database_is_busy_and_nothing_ran() {
    let bench = bench(|repo| repo);
    let mut other = bench.direct();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let result = bench.writer.write(insert("a"), terms()).await;
    assert!(matches!(result, Err(Error::NotExecuted(NotExecuted::Busy(_)))), "{result:?}");
    other.batch_execute("ROLLBACK").unwrap();
    bench.writer.write(insert("a"), terms()).await.unwrap();
}

#[tokio::test]
async fn a_node_that_is_not_primary_does_not_write() {
    let bench = bench(|repo| repo);
    bench.role.epoch.store(0, Ordering::SeqCst);
    let result = bench.writer.write(insert("a"), terms()).await;
    assert!(matches!(result, Err(Error::NotExecuted(NotExecuted::NotPrimary))), "{result:?}");
    bench.role.epoch.store(2, Ordering::SeqCst);
    bench.writer.write(insert("a"), terms()).await.unwrap();
}

#[tokio::test]
async fn vacuum_runs_outside_a_transaction() {
    let bench = bench(|repo| repo);
    let mut vacuum = request(&["VACUUM"]);
    assert!(rejected(bench.writer.write(vacuum.clone(), terms()).await).1.contains("within a transaction"));
    vacuum.alone = true;
    bench.writer.write(vacuum, terms()).await.unwrap();
}

#[tokio::test]
async fn what_a_caller_reads_of_its_session_is_its_own() {
    let bench = bench(|repo| repo);
    let session = Session { last_insert_rowid: 77, changes: 3 };
    bench.writer.write(insert("neighbour"), terms()).await.unwrap();
    let mut asks = request(&["INSERT INTO t (name) VALUES ('r' || last_insert_rowid() || 'c' || changes())"]);
    asks.session = SessionUse::Brought(session);
    let written = bench.writer.write(asks, terms()).await.unwrap();
    assert_eq!(written.session, Session { last_insert_rowid: 2, changes: 1 });
    assert_eq!(bench.names(), ["neighbour", "r77c3"]);
    // A statement that inserts nothing leaves the caller's own answer as it was.
    let mut update = request(&["UPDATE t SET name = name || '!'"]);
    update.session = SessionUse::Brought(session);
    let written = bench.writer.write(update, terms()).await.unwrap();
    assert_eq!(written.session, Session { last_insert_rowid: 77, changes: 2 });
    // One that asks for nothing is told all the same what its connection is to answer.
    let mut told = insert("told");
    told.session = SessionUse::Told;
    let written = bench.writer.write(told, terms()).await.unwrap();
    assert_eq!(written.session, Session { last_insert_rowid: 3, changes: 1 });
}

#[tokio::test]
async fn what_changes_no_rows_does_not_count_anothers() {
    let bench = bench(|repo| repo);
    bench.writer.write(insert("a"), terms()).await.unwrap();
    let created = bench.writer.write(request(&["CREATE TABLE u (id INTEGER)"]), terms()).await.unwrap();
    assert_eq!(created.outcomes[0].count, 0);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let bench = bench(|repo| repo);
    let read = bench.writer.read(sql("INSERT INTO t (name) VALUES ('a')"), terms()).await;
    assert!(matches!(&read, Err(Error::Read(error)) if error.to_string().contains("readonly")), "{read:?}");
    let mut select = sql("SELECT 7");
    select.want = Want::Rows;
    let rows = bench.writer.read(select, terms()).await.unwrap().rows.unwrap();
    assert_eq!(rows.values.iter().next(), Some(ValueRef::Integer(7)));
}
