//! Procedures on a node that is alone: what the caller gets, and what is kept.
#![allow(missing_docs, unreachable_pub, reason = "a test is no library, and a procedure is public")]

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::DatabaseErrorKind;
use futures::future::join_all;
use litefs_diesel::{
    CallError, Config, DbError, Error, LitefsRepo, LocalConnection, NotExecuted, Position, ReadLevel,
    litefs_repo, procedure,
};
use serde::{Deserialize, Serialize};

diesel::table! {
    accounts {
        id -> Integer,
        cents -> BigInt,
    }
}

#[litefs_repo(procedures(
    transfer,
    older::transfer_v1,
    create,
    deposit,
    ends_its_transaction,
    panics,
    nests,
    grows,
    fails_late
))]
struct Repo;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TransferError {
    TooLittle { cents: i64 },
    Database(DbError),
}

impl From<diesel::result::Error> for TransferError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Moves money, and gives what is left.
#[procedure(repo = Repo, version = 2)]
pub fn transfer(conn: &mut SqliteConnection, from: i32, to: i32, cents: i64) -> Result<i64, TransferError> {
    diesel::update(accounts::table.find(to))
        .set(accounts::cents.eq(accounts::cents + cents))
        .execute(conn)?;
    let left: i64 = diesel::update(accounts::table.find(from))
        .set(accounts::cents.eq(accounts::cents - cents))
        .returning(accounts::cents)
        .get_result(conn)?;
    // What it did before is taken back.
    if left < 0 { Err(TransferError::TooLittle { cents: left + cents }) } else { Ok(left) }
}

mod older {
    use super::*;

    /// What nodes of the release before still call.
    #[procedure(repo = Repo, version = 1, name = "transfer")]
    pub fn transfer_v1(conn: &mut SqliteConnection, from: i32, to: i32) -> Result<i64, TransferError> {
        transfer(conn, from, to, 1)
    }
}

#[procedure(repo = Repo, version = 1)]
pub fn create(conn: &mut SqliteConnection, id: i32) -> QueryResultOf<i32> {
    Ok(diesel::insert_into(accounts::table)
        .values((accounts::id.eq(id), accounts::cents.eq(0)))
        .returning(accounts::id)
        .get_result(conn)?)
}

type QueryResultOf<T> = Result<T, DbError>;

#[procedure(repo = Repo, version = 1)]
pub fn deposit(conn: &mut SqliteConnection, id: i32, cents: &[i64], why: &str) -> QueryResultOf<String> {
    for cents in cents {
        diesel::update(accounts::table.find(id))
            .set(accounts::cents.eq(accounts::cents + *cents))
            .execute(conn)?;
    }
    Ok(format!("{} for {why}", cents.len()))
}

#[procedure(repo = Repo, version = 1)]
pub fn ends_its_transaction(conn: &mut SqliteConnection, by: &str) -> QueryResultOf<()> {
    diesel::update(accounts::table).set(accounts::cents.eq(-1)).execute(conn)?;
    conn.batch_execute(by)?;
    Ok(())
}

#[procedure(repo = Repo, version = 1)]
pub fn panics(conn: &mut SqliteConnection, with: String) -> QueryResultOf<()> {
    diesel::update(accounts::table).set(accounts::cents.eq(-1)).execute(conn)?;
    panic!("{with}")
}

/// An inner transaction fails and is taken back; the outer one stands.
#[procedure(repo = Repo, version = 1)]
pub fn nests(conn: &mut SqliteConnection, id: i32) -> QueryResultOf<bool> {
    diesel::update(accounts::table.find(id)).set(accounts::cents.eq(7)).execute(conn)?;
    let inner = conn.transaction(|conn| {
        diesel::delete(accounts::table).execute(conn)?;
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    Ok(inner.is_err())
}

#[procedure(repo = Repo, version = 1)]
pub fn grows(_conn: &mut SqliteConnection, length: usize) -> QueryResultOf<Vec<u8>> {
    Ok(vec![7; length])
}

/// It writes, and then cannot tell.
#[procedure(repo = Repo, version = 1)]
pub fn fails_late(conn: &mut SqliteConnection) -> QueryResultOf<NoForm> {
    diesel::update(accounts::table).set(accounts::cents.eq(-1)).execute(conn)?;
    Ok(NoForm::Number(1))
}

/// It can be written, but not read from bytes that do not say which variant they are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NoForm {
    Number(i32),
}

const SCHEMA: &str = "CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents BIGINT NOT NULL);
    INSERT INTO accounts VALUES (1, 500), (2, 0);";

async fn bank() -> Repo {
    let repo = Repo::start(Config::temporary()).await.unwrap();
    repo.run(|conn| conn.batch_execute(SCHEMA)).await.unwrap();
    repo
}

async fn cents(repo: &Repo) -> Vec<i64> {
    repo.all(accounts::table.select(accounts::cents).order(accounts::id)).await.unwrap()
}

fn outcome<T: std::fmt::Debug>(result: Result<T, CallError<DbError>>) -> Error {
    match result {
        Err(CallError::Outcome(outcome)) => outcome,
        other => panic!("no outcome: {other:?}"),
    }
}

#[tokio::test]
async fn a_call_gives_the_functions_value_and_is_read_back() {
    let repo = bank().await;
    assert_eq!(repo.transfer(1, 2, 100).await.unwrap(), 400);
    assert_eq!(cents(&repo).await, [400, 100]);
    assert_eq!(repo.deposit(2, &[1, 2, 3], "nothing").await.unwrap(), "3 for nothing");
    assert_eq!(repo.call::<transfer>((2, 1, 6)).await.unwrap(), 100);
    assert_eq!(cents(&repo).await, [406, 100]);
    let (made, position): (i32, Position) = repo.create(3).with_position().await.unwrap();
    assert_eq!(made, 3);
    let count = repo.count(accounts::table).at(ReadLevel::AtLeast(position));
    assert_eq!(count.timeout(Duration::from_secs(5)).await.unwrap(), 3);
}

#[tokio::test]
async fn the_procedures_own_error_takes_back_what_it_did() {
    let repo = bank().await;
    let error = repo.transfer(1, 2, 501).await.unwrap_err();
    assert!(matches!(error, CallError::Procedure(TransferError::TooLittle { cents: 500 })), "{error:?}");
    assert!(!error.is_retryable());
    let missing = repo.transfer(9, 2, 1).await.unwrap_err();
    let CallError::Procedure(TransferError::Database(missing)) = missing else { panic!("{missing:?}") };
    assert!(missing.is_not_found());
    let twice = repo.create(1).await.unwrap_err();
    let CallError::Procedure(twice) = twice else { panic!("{twice:?}") };
    assert!(matches!(twice.kind(), DatabaseErrorKind::UniqueViolation), "{twice:?}");
    assert_eq!(twice.message(), "UNIQUE constraint failed: accounts.id");
    assert_eq!(cents(&repo).await, [500, 0]);
}

#[tokio::test]
async fn two_versions_stand_side_by_side() {
    let repo = bank().await;
    assert_eq!(repo.transfer_v1(1, 2).await.unwrap(), 499);
    assert_eq!(repo.transfer(1, 2, 9).await.unwrap(), 490);
}

#[tokio::test]
async fn a_panic_becomes_an_error_and_the_writer_goes_on() {
    let repo = bank().await;
    let error = outcome(repo.panics("on purpose".to_owned()).await);
    assert!(matches!(error, Error::Rejected(_)), "{error:?}");
    assert!(error.to_string().contains("on purpose"), "{error}");
    assert_eq!(cents(&repo).await, [500, 0]);
    assert_eq!(repo.transfer(1, 2, 100).await.unwrap(), 400);
}

#[tokio::test]
async fn a_procedure_that_ends_its_transaction_harms_no_neighbour() {
    let repo = bank().await;
    for by in ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN IMMEDIATE"] {
        let (ended, moved) = tokio::join!(repo.ends_its_transaction(by), repo.transfer(1, 2, 1));
        let error = ended.unwrap_err();
        assert!(!matches!(error, CallError::Outcome(Error::Unknown { .. })), "{by}: {error:?}");
        moved.unwrap_or_else(|error| panic!("{by}: {error:?}"));
    }
    assert_eq!(cents(&repo).await, [496, 4]);
}

#[tokio::test]
async fn transactions_within_a_procedure_nest() {
    let repo = bank().await;
    assert!(repo.nests(1).await.unwrap());
    assert_eq!(cents(&repo).await, [7, 0]);
}

#[tokio::test]
async fn a_value_that_would_be_lost_on_the_way_changes_nothing() {
    let repo = bank().await;
    let error = outcome(repo.fails_late().await);
    assert!(matches!(error, Error::Rejected(diesel::result::Error::SerializationError(_))), "{error:?}");
    assert_eq!(cents(&repo).await, [500, 0]);
}

#[tokio::test]
async fn many_calls_at_once_keep_the_sum() {
    let repo = bank().await;
    let calls = (0..200).map(|i| if i % 2 == 0 { repo.transfer(1, 2, 3) } else { repo.transfer(2, 1, 3) });
    let moved = join_all(calls).await;
    assert!(moved.iter().all(|left| !matches!(left, Err(CallError::Outcome(_)))), "{moved:?}");
    assert_eq!(cents(&repo).await.iter().sum::<i64>(), 500);
}

#[tokio::test]
async fn a_large_value_comes_back_whole() {
    let repo = bank().await;
    assert_eq!(repo.grows(3 << 20).await.unwrap(), vec![7; 3 << 20]);
}

#[tokio::test]
async fn a_call_under_a_key_is_done_once() {
    let repo = bank().await;
    for _ in 0..2 {
        assert_eq!(repo.transfer(1, 2, 100).idempotency_key("order-4711").await.unwrap(), 400);
    }
    assert_eq!(cents(&repo).await, [400, 100]);
    let other = repo.transfer(1, 2, 101).idempotency_key("order-4711").await.unwrap_err();
    assert!(matches!(other, CallError::Outcome(Error::KeyReused { .. })), "{other:?}");
}

/// The repo as the next release has it.
mod next {
    use super::*;

    #[litefs_repo(name = "Repo", procedures(create))]
    pub struct Repo;

    #[procedure(repo = Repo, version = 2)]
    pub fn create(conn: &mut SqliteConnection, id: i32, cents: i64) -> QueryResultOf<i32> {
        Ok(diesel::insert_into(accounts::table)
            .values((accounts::id.eq(id), accounts::cents.eq(cents)))
            .returning(accounts::id)
            .get_result(conn)?)
    }
}

#[tokio::test]
async fn what_a_node_does_not_have_is_refused_before_anything_runs() {
    let repo = bank().await;
    // By hand, where `Repo::on` would have made its procedures known to this node.
    let newer = next::Repo::from_handle(repo.handle().clone());
    let error = outcome(newer.create(3, 50).await);
    let Error::NotExecuted(NotExecuted::UnknownProcedure { name, version, .. }) = &error else {
        panic!("{error:?}")
    };
    assert_eq!((name.as_str(), *version), ("create", 2));
    assert!(error.is_retryable());
    assert_eq!(repo.create(3).await.unwrap(), 3);
    assert_eq!(cents(&repo).await, [500, 0, 0]);
}

/// A connection of the application's own.
pub struct LocalConn {
    conn: SqliteConnection,
    queries: usize,
}

impl LocalConnection for LocalConn {
    fn from_sqlite(conn: SqliteConnection) -> Self {
        Self { conn, queries: 0 }
    }

    fn as_sqlite(&mut self) -> &mut SqliteConnection {
        &mut self.conn
    }
}

#[litefs_repo(local = LocalConn, procedures(counted))]
struct OwnRepo;

#[procedure(repo = OwnRepo, version = 1)]
pub fn counted(conn: &mut LocalConn, panic: bool) -> QueryResultOf<(usize, i64)> {
    let query = |conn: &mut LocalConn| {
        conn.queries += 1;
        diesel::insert_into(accounts::table).values(accounts::cents.eq(1)).execute(&mut conn.conn)
    };
    query(conn)?;
    query(conn)?;
    assert!(!panic, "on purpose");
    let count = accounts::table.count().get_result(conn.as_sqlite())?;
    Ok((conn.queries, count))
}

#[tokio::test]
async fn a_procedure_may_take_the_applications_own_connection() {
    let repo = OwnRepo::start(Config::temporary()).await.unwrap();
    repo.run(|conn| conn.batch_execute(SCHEMA)).await.unwrap();
    assert_eq!(repo.counted(false).await.unwrap(), (2, 4));
    assert!(matches!(outcome(repo.counted(true).await), Error::Rejected(_)));
    assert_eq!(repo.counted(false).await.unwrap(), (2, 6));
    assert_eq!(repo.count(accounts::table).await.unwrap(), 6);
}

#[tokio::test]
async fn after_the_shutdown_a_call_is_not_executed() {
    let repo = bank().await;
    repo.shutdown().await.unwrap();
    let error = repo.transfer(1, 2, 1).await.unwrap_err();
    assert!(matches!(error, CallError::Outcome(Error::NotExecuted(NotExecuted::ShuttingDown))), "{error:?}");
}
