//! `batch_execute`: what goes where, as one or one by one.

use super::*;

#[test]
fn a_text_without_control_is_one_request_all_or_nothing() {
    let node = Node::new();
    let mut conn = node.connection();
    let text = "INSERT INTO users (name) VALUES ('a;b'); -- c\n INSERT INTO users (name) VALUES ('a;b')";
    let error = conn.batch_execute(text).unwrap_err();
    assert_eq!(error.to_string(), "UNIQUE constraint failed: users.name");
    assert_eq!(node.users(), 0);
    conn.batch_execute(
        "/* one */ INSERT INTO users (name) VALUES ('a'); INSERT INTO users (name) VALUES ('b');",
    )
    .unwrap();
    assert_eq!(
        node.primary.texts(),
        [text, "INSERT INTO users (name) VALUES ('a'); INSERT INTO users (name) VALUES ('b')"]
    );
    assert_eq!(node.users(), 2);
}

#[test]
fn a_text_that_only_reads_runs_here() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.batch_execute("SELECT 1; SELECT count(*) FROM users; EXPLAIN DELETE FROM users").unwrap();
    conn.batch_execute(" -- nothing").unwrap();
    assert!(node.primary.texts().is_empty());
    // One that turns out to write when it runs goes to the primary, as a whole.
    conn.batch_execute("SELECT 1; SELECT optimize(f3) FROM f3").unwrap();
    assert_eq!(node.primary.texts(), ["SELECT 1; SELECT optimize(f3) FROM f3"]);
}

#[test]
fn a_script_runs_in_order_with_its_pragmas_transactions_and_triggers() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.batch_execute(
        "PRAGMA busy_timeout = 1234; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;
         CREATE TABLE log (name);
         CREATE TRIGGER tr AFTER INSERT ON users BEGIN
            INSERT INTO log VALUES (CASE WHEN new.name = 'x' THEN 'END;' ELSE new.name END);
         END;
         PRAGMA user_version = 3;
         BEGIN;
         INSERT INTO users (name) VALUES ('x');
         INSERT INTO users (name) VALUES ('y');
         COMMIT;
         VACUUM;
         INSERT INTO users (name) VALUES ('z')",
    )
    .unwrap();
    assert_eq!(node.users(), 3);
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM log"), 3);
    assert_eq!(number(&mut conn, "SELECT timeout AS n FROM pragma_busy_timeout"), 1234);
    let texts = node.primary.texts();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].starts_with("CREATE TABLE log") && texts[0].ends_with("PRAGMA user_version = 3"));
    assert_eq!(texts[1], "VACUUM");
    assert!(node.primary.seen.lock().unwrap()[1].alone);
}

#[test]
fn an_error_of_a_mixed_text_leaves_what_sqlite_would_leave() {
    let text =
        "INSERT INTO users (name) VALUES ('a'); BEGIN; INSERT INTO users (name) VALUES ('b'); nonsense";
    let node = Node::new();
    let mut conn = node.connection();
    let mut bare = bare();
    let expected = bare.batch_execute(text).unwrap_err();
    assert_eq!(conn.batch_execute(text).unwrap_err().to_string(), expected.to_string());
    // The transaction is open still, with what came before the error.
    bare.batch_execute("COMMIT").unwrap();
    conn.batch_execute("COMMIT").unwrap();
    assert_eq!(users::table.count().get_result(&mut bare), Ok(2_i64));
    assert_eq!(node.users(), 2);
}
