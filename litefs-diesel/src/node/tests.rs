use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::{Node, migrate, on};
use crate::config::Config;
use crate::connection::LitefsConnection;
use crate::error::{Error, NotExecuted, outcome};
use crate::migrate::testing::{plan, step, up};
use crate::migrate::{Cause, Kind};
use crate::repo::{LitefsRepo, MigrateError, RepoHandle};

/// What `#[litefs_repo]` makes.
#[derive(Clone, Debug)]
struct Repo(RepoHandle);

impl LitefsRepo for Repo {
    const NAME: &'static str = "Repo";
    type Local = SqliteConnection;

    fn from_handle(handle: RepoHandle) -> Self {
        Self(handle)
    }

    fn handle(&self) -> &RepoHandle {
        &self.0
    }
}

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

const SCHEMA: &str = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";

async fn started(config: Config) -> (Node, RepoHandle) {
    let node = Node::start(config).await.unwrap();
    let Repo(repo) = on::<Repo>(&node).unwrap();
    repo.execute(diesel::sql_query(SCHEMA)).await.unwrap();
    (node, repo)
}

async fn write(repo: &RepoHandle) -> Result<usize, Error> {
    repo.execute(diesel::insert_into(notes::table).values(notes::text.eq("a"))).await
}

fn is_shut_down(error: &Error) -> bool {
    matches!(error, Error::NotExecuted(NotExecuted::ShuttingDown))
}

#[tokio::test]
async fn after_shutdown_every_call_is_refused_and_none_panics() {
    let (node, repo) = started(Config::temporary()).await;
    write(&repo).await.unwrap();
    let mut conn = repo.connection().unwrap();
    let kept: i64 = repo.run(|conn| Ok::<_, Error>(notes::table.count().get_result(conn)?)).await.unwrap();
    assert_eq!(kept, 1);
    repo.shutdown().await.unwrap();
    node.shutdown().await.unwrap();
    assert!(is_shut_down(&write(&repo).await.unwrap_err()));
    assert!(is_shut_down(&repo.count(notes::table).await.unwrap_err()));
    assert!(is_shut_down(&repo.ready().await.unwrap_err()));
    assert!(is_shut_down(&on::<Repo>(&node).unwrap_err()));
    assert!(!repo.health().accepting);
    assert!(repo.connection().is_err_and(|error| is_shut_down(&error)));
    repo.run(|conn| Ok::<i64, Error>(notes::table.count().get_result(conn)?)).await.unwrap_err();
    let error = diesel::delete(notes::table).execute(&mut conn).unwrap_err();
    assert!(outcome(&error).is_some_and(is_shut_down), "{error}");
    notes::table.count().get_result::<i64>(&mut conn).unwrap_err();
}

#[test]
fn a_call_needs_no_runtime_and_may_block_one() {
    let (node, repo) = pollster::block_on(started(Config::temporary()));
    assert_eq!(pollster::block_on(write(&repo)).unwrap(), 1);
    let busy = tokio::runtime::Builder::new_current_thread().build().unwrap();
    busy.block_on(async {
        let mut conn = repo.connection().unwrap();
        for _ in 0..300 {
            diesel::insert_into(notes::table).values(notes::text.eq("b")).execute(&mut conn).unwrap();
        }
        assert_eq!(pollster::block_on(repo.count(notes::table)).unwrap(), 301);
    });
    pollster::block_on(node.shutdown()).unwrap();
}

#[tokio::test]
async fn a_node_that_nobody_holds_stops_and_closes_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let (node, repo) = started(Config::default().database("Repo", file.to_str().unwrap())).await;
    write(&repo).await.unwrap();
    assert!(open_files(folder.path()) > 0);
    drop(node);
    assert_eq!(write(&repo).await.unwrap(), 1, "the repo keeps it going");
    drop(repo);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while open_files(folder.path()) > 0 {
        assert!(std::time::Instant::now() < deadline, "files are still open");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn establish_finds_the_node_of_this_process_as_long_as_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db").display().to_string();
    let (node, repo) = started(Config::default().database("Repo", &file)).await;
    for url in [file.clone(), format!("sqlite://{file}"), format!("file:{file}?cache=private")] {
        let mut conn = LitefsConnection::establish(&url).unwrap();
        diesel::insert_into(notes::table).values(notes::text.eq("b")).execute(&mut conn).unwrap();
        // Only a node's connection refuses it: it would hold here alone.
        let attached = diesel::sql_query("ATTACH ':memory:' AS other").execute(&mut conn);
        assert!(attached.is_err(), "{url} is alone");
    }
    assert_eq!(repo.count(notes::table).await.unwrap(), 3);
    node.shutdown().await.unwrap();
    let mut conn = LitefsConnection::establish(&file).unwrap();
    diesel::sql_query("ATTACH ':memory:' AS other").execute(&mut conn).unwrap();
}

#[tokio::test]
async fn a_closure_that_panics_or_leaves_a_transaction_open_does_not_spoil_the_next() {
    let (node, repo) = started(Config::temporary().pool_size(1)).await;
    let spoiled = repo.run(|conn| {
        use diesel::connection::SimpleConnection;
        conn.batch_execute("BEGIN; INSERT INTO notes (text) VALUES ('lost')")?;
        Ok::<_, Error>(())
    });
    spoiled.await.unwrap();
    let panics = tokio::spawn(repo.run(|_| -> Result<(), Error> { panic!("in the closure, on purpose") }));
    assert!(panics.await.unwrap_err().is_panic());
    let count = repo.run(|conn| Ok::<i64, Error>(notes::table.count().get_result(conn)?)).await.unwrap();
    assert_eq!(count, 0);
    assert_eq!(write(&repo).await.unwrap(), 1);
    node.shutdown().await.unwrap();
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[tokio::test]
async fn what_on_open_sets_up_is_there_for_reads_and_writes() {
    let config = Config::temporary().on_open(|conn| double_utils::register_impl(conn, |n: i64| n * 2));
    let (node, repo) = started(config).await;
    let read: Vec<Number> = repo.all(diesel::sql_query("SELECT double(4) AS n")).await.unwrap();
    assert_eq!(read[0].n, 8);
    repo.execute(diesel::sql_query("INSERT INTO notes SELECT double(21), 'x'")).await.unwrap();
    assert_eq!(
        repo.run(|conn| Ok::<i64, Error>(notes::table.select(notes::id).first(conn)?)).await.unwrap(),
        42
    );
    node.shutdown().await.unwrap();
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn double(n: BigInt) -> BigInt;
}

/// How many files below `folder` this process has open.
fn open_files(folder: &std::path::Path) -> usize {
    let folder = folder.canonicalize().unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|file| file.starts_with(&folder))).count()
}

#[tokio::test]
async fn an_on_open_that_panics_ends_its_own_call_and_not_the_threads() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let panics = Arc::new(AtomicBool::new(false));
    let inside = panics.clone();
    let config = Config::temporary().pool_size(1).on_open(move |_| {
        assert!(!inside.load(Ordering::SeqCst), "in on_open, on purpose");
        Ok(())
    });
    let node = Node::start(config).await.unwrap();
    let Repo(repo) = on::<Repo>(&node).unwrap();
    panics.store(true, Ordering::SeqCst);
    assert!(repo.execute(diesel::sql_query(SCHEMA)).await.is_err());
    assert!(repo.all::<Number>(diesel::sql_query("SELECT 1 AS n")).await.is_err());
    panics.store(false, Ordering::SeqCst);
    repo.execute(diesel::sql_query(SCHEMA)).await.unwrap();
    assert_eq!(repo.all::<Number>(diesel::sql_query("SELECT 1 AS n")).await.unwrap()[0].n, 1);
    node.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_plan_of_the_tool_runs_through_the_node() {
    let (node, repo) = started(Config::temporary()).await;
    let soon = || std::time::Instant::now() + std::time::Duration::from_secs(20);
    let note = || plan([up("1", "INSERT INTO notes (text) VALUES ('migrated')"), up("2", "SELECT 2")]);
    for ran in [true, false] {
        let sent = migrate(&node, "Repo", note(), soon()).await.unwrap();
        assert!(sent.visible && sent.done.len() == 2 && sent.done.iter().all(|done| done.ran == ran));
    }
    assert_eq!(repo.count(notes::table).await.unwrap(), 1);
    let wrong = plan([step(Kind::Down, "1", "DELETE FROM notes"), up("3", "DELETE FROM nowhere")]);
    let Err(MigrateError::Failed { failure, .. }) = migrate(&node, "Repo", wrong, soon()).await else {
        panic!()
    };
    assert_eq!(failure.cause, Cause::Sql("no such table: nowhere".into()));
    assert_eq!((failure.done.len(), repo.count(notes::table).await.unwrap()), (1, 0));
    node.shutdown().await.unwrap();
    let late = migrate(&node, "Repo", note(), soon()).await.unwrap_err();
    assert!(matches!(&late, MigrateError::Outcome(error) if is_shut_down(error)), "{late}");
}
