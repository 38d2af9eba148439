//! Reads run here, and what turns out to write goes on to the primary.

use diesel::connection::DefaultLoadingMode;

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

#[test]
fn reads_do_not_ask_the_primary() {
    let node = Node::new();
    let mut conn = node.connection();
    insert(&mut conn, "Ada").unwrap();
    assert_eq!(users::table.select(users::name).load::<String>(&mut conn).unwrap(), ["Ada"]);
    assert_eq!(users::table.into_boxed().count().get_result::<i64>(&mut conn), Ok(1));
    diesel::sql_query("EXPLAIN QUERY PLAN DELETE FROM users").execute(&mut conn).unwrap();
    assert_eq!(number(&mut conn, "WITH x AS (SELECT 5 AS n) SELECT n FROM x"), 5);
    assert_eq!(node.primary.texts().len(), 1);
}

#[test]
fn a_select_that_writes_is_run_on_the_primary_although_its_rows_come_late() {
    let node = Node::new();
    let mut conn = node.connection();
    let optimize = "SELECT optimize(f3) AS w FROM f3 LIMIT 1";
    let done = diesel::sql_query(optimize).load::<Word>(&mut conn).unwrap();
    assert_eq!(done[0].w, "Index optimized");
    assert_eq!(node.primary.texts(), [optimize]);
    // Now there is nothing to write: it is read here, and so it is each time it is asked.
    let done = diesel::sql_query(optimize).load::<Word>(&mut conn).unwrap();
    assert_eq!(done[0].w, "Index already optimal");
    assert_eq!(node.primary.texts(), [optimize]);
    insert_text(&mut conn, "more");
    diesel::sql_query(optimize).execute(&mut conn).unwrap();
    assert_eq!(node.primary.texts()[2..], [optimize]);
}

fn insert_text(conn: &mut LitefsConnection, text: &str) {
    diesel::sql_query("INSERT INTO f3 VALUES (?)").bind::<Text, _>(text).execute(conn).unwrap();
}

#[test]
fn a_table_that_is_not_here_yet_is_asked_for_there_and_nothing_is_remembered() {
    let node = Node::new();
    let mut conn = node.connection();
    let select = "SELECT count(*) AS n FROM later";
    let error = diesel::sql_query(select).load::<Number>(&mut conn).unwrap_err();
    assert_eq!(error.to_string(), "no such table: later");
    assert_eq!(node.primary.texts(), [select], "in doubt it is a write");
    node.bare().batch_execute("CREATE TABLE later (a)").unwrap();
    assert_eq!(number(&mut conn, select), 0);
    assert_eq!(node.primary.texts(), [select], "now it is known to read");
}

#[test]
fn a_cursor_borrows_sqlites_own_rows_and_one_left_early_does_no_harm() {
    let node = Node::new();
    let mut conn = node.connection();
    for i in 0..100 {
        insert(&mut conn, &format!("u{i}")).unwrap();
    }
    let first =
        users::table.select(users::id).load_iter::<i32, DefaultLoadingMode>(&mut conn).unwrap().next();
    assert_eq!(first.unwrap().unwrap(), 1);
    let update = diesel::update(users::table).set(users::age.eq(1)).returning(users::id);
    let first = update.load_iter::<i32, DefaultLoadingMode>(&mut conn).unwrap().next();
    assert_eq!(first.unwrap().unwrap(), 1);
    assert_eq!(users::table.filter(users::age.eq(1)).count().get_result::<i64>(&mut conn), Ok(100));
}

#[test]
fn a_statement_is_asked_for_once_for_all_connections() {
    let node = Node::new();
    let opened = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&opened);
    let on_open = move |_: &mut SqliteConnection| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let kinds = Kinds::new(Readers::of_file(&node.access.file, on_open));
    let access = node.access_with(node.access.file.clone(), kinds);
    let mut one = LitefsConnection::on(Arc::clone(&access)).unwrap();
    let mut other = LitefsConnection::on(Arc::clone(&access)).unwrap();
    let query = || users::table.filter(users::name.eq("Ada")).select(users::id);
    query().load::<i32>(&mut one).unwrap();
    number(&mut one, "SELECT 1 AS n");
    // Whoever asks SQLite now must open the file for it.
    access.kinds.close();
    query().load::<i32>(&mut other).unwrap();
    query().load::<i32>(&mut one).unwrap();
    number(&mut other, "SELECT 1 AS n");
    assert_eq!(opened.load(Ordering::Relaxed), 1);
    number(&mut other, "SELECT 2 AS n");
    assert_eq!(opened.load(Ordering::Relaxed), 2);
}

#[test]
fn a_write_may_be_called_on_any_thread_one_of_a_runtime_too() {
    let node = Node::new();
    let mut conn = node.connection();
    let foreign = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // More often than tokio lets a task go on without yielding to its runtime.
    foreign.block_on(async {
        for i in 0..200 {
            insert(&mut conn, &format!("a{i}")).unwrap();
        }
        conn.transaction(|conn| (0..200).try_for_each(|i| insert(conn, &format!("b{i}")).map(drop))).unwrap();
        drop(conn);
    });
    assert_eq!(node.users(), 400);
}

#[test]
fn twenty_thousand_rows_come_back_from_one_returning() {
    let node = Node::new();
    let mut conn = node.connection();
    let insert = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO users (name) SELECT 'u' || i FROM n RETURNING id AS n";
    let rows = diesel::sql_query(insert).load::<Number>(&mut conn).unwrap();
    assert_eq!(rows.len(), 20_000);
    assert!(rows.iter().zip(1..).all(|(row, id)| row.n == id));
}
