//! Diesel's own harness on connections of a node.

use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationConnection, MigrationMetadata, MigrationName, MigrationSource, Result as DieselResult,
};
use diesel::result::Error as DieselError;
use diesel::sqlite::Sqlite;
use diesel_migrations::MigrationHarness;

use super::*;
use crate::migrate::testing::{OfProgram, Program};
use crate::request::Work;

const TWO: Program = Program(&[
    ("1_a", "CREATE TABLE a (x) -- down\n; DROP TABLE a"),
    ("2_b", "CREATE TABLE b (x); INSERT INTO b VALUES (1) -- down\n; DROP TABLE b"),
]);

impl Node {
    /// How many plans were sent.
    fn plans(&self) -> usize {
        let seen = self.primary.seen.lock().unwrap();
        seen.iter().filter(|write| matches!(write.work, Work::Migrate(_))).count()
    }

    fn versions(&self) -> Vec<String> {
        crate::migrate::applied(&mut self.bare()).unwrap()
    }
}

#[test]
fn connections_that_migrate_at_once_all_succeed_and_each_migration_runs_once() {
    let node = Node::new();
    let barrier = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut conn = node.connection();
                // Both have seen that all are pending before either runs any.
                let pending = conn.pending_migrations(TWO).unwrap();
                barrier.wait();
                assert_eq!(conn.run_migrations(&pending).unwrap().len(), 2);
            });
        }
    });
    assert_eq!((node.plans(), node.versions()), (4, vec!["1".into(), "2".into()]));
    assert_eq!(number(&mut node.connection(), "SELECT count(*) AS n FROM b"), 1);
    let mut conn = node.connection();
    assert!(conn.run_pending_migrations(TWO).unwrap().is_empty());
    assert_eq!(node.plans(), 4);
}

#[test]
fn looking_what_is_pending_writes_nothing() {
    let node = Node::new();
    let mut conn = node.connection();
    assert_eq!(conn.pending_migrations(TWO).unwrap().len(), 2);
    assert!(conn.has_pending_migration(TWO).unwrap());
    assert!(conn.applied_migrations().unwrap().is_empty());
    assert_eq!(conn.transaction(|conn| users::table.count().get_result::<i64>(conn)).unwrap(), 0);
    assert!(node.primary.seen.lock().unwrap().is_empty());
    assert_eq!(
        number(&mut conn, "SELECT count(*) AS n FROM sqlite_master WHERE name LIKE '\\_\\_d%' ESCAPE '\\'"),
        0
    );
    // Whoever takes the table to be there, finds it.
    conn.setup().unwrap();
    diesel::sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('7')")
        .execute(&mut conn)
        .unwrap();
    assert_eq!(node.versions(), ["7"]);
}

#[test]
fn migrations_are_reverted_too() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.run_pending_migrations(TWO).unwrap();
    assert_eq!(conn.revert_last_migration(TWO).unwrap().to_string(), "2");
    assert_eq!((node.plans(), node.versions()), (3, vec!["1".into()]));
    assert_eq!(conn.revert_all_migrations(TWO).unwrap().len(), 1);
    assert_eq!(conn.run_next_migration(TWO).unwrap().to_string(), "1");
    assert_eq!(node.versions(), ["1"]);
}

#[test]
fn a_migration_that_fails_leaves_nothing_and_says_what_sqlite_said() {
    let node = Node::new();
    let mut conn = node.connection();
    let wrong = Program(&[
        ("1_a", "CREATE TABLE a (x)"),
        ("2_b", "CREATE TABLE b (x);\nINSERT INTO nowhere VALUES (1)"),
    ]);
    let error = conn.run_pending_migrations(wrong).unwrap_err();
    let said = error.downcast_ref::<DieselError>().unwrap();
    assert!(matches!(said, DieselError::DatabaseError(..)), "{said:?}");
    assert_eq!(said.to_string(), "no such table: nowhere (migration 2, line 2)");
    assert_eq!(node.versions(), ["1"]);
    // The connection is as before.
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM sqlite_master WHERE name = 'b'"), 0);
    conn.transaction(|conn| insert(conn, "Ada")).unwrap();
    assert_eq!(node.users(), 1);
}

/// One in Rust, that looks before it writes.
struct InRust(OfProgram);

impl Migration<Sqlite> for InRust {
    fn run(&self, conn: &mut dyn BoxableConnection<Sqlite>) -> DieselResult<()> {
        conn.batch_execute("INSERT INTO users (name) VALUES ('Ada')")?;
        let conn = conn.downcast_mut::<LitefsConnection>().ok_or("another connection")?;
        let users: i64 = users::table.count().get_result(conn)?;
        insert(conn, &format!("number {users}"))?;
        Ok(())
    }

    fn revert(&self, _: &mut dyn BoxableConnection<Sqlite>) -> DieselResult<()> {
        Ok(())
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self.0.metadata()
    }

    fn name(&self) -> &dyn MigrationName {
        self.0.name()
    }
}

struct Mixed;

impl MigrationSource<Sqlite> for Mixed {
    fn migrations(&self) -> DieselResult<Vec<Box<dyn Migration<Sqlite>>>> {
        let (first, last) =
            (OfProgram::new("1_a", "CREATE TABLE a (x)"), OfProgram::new("3_c", "CREATE TABLE c (x)"));
        Ok(vec![Box::new(first), Box::new(InRust(OfProgram::new("2_rust", ""))), Box::new(last)])
    }
}

#[test]
fn a_migration_in_rust_sees_what_it_has_written() {
    for first in [false, true] {
        let node = Node::new();
        let mut conn = node.connection();
        if first {
            // On a database on which nothing was ever migrated.
            conn.setup().unwrap();
            conn.run_migration(&InRust(OfProgram::new("2_rust", ""))).unwrap();
        } else {
            assert_eq!(conn.run_pending_migrations(Mixed).unwrap().len(), 3);
        }
        let names: Vec<String> =
            users::table.select(users::name).order(users::id).load(&mut node.bare()).unwrap();
        assert_eq!(names, ["Ada", "number 1"]);
        let expected: &[&str] = if first { &["2"] } else { &["1", "2", "3"] };
        assert_eq!(node.versions(), expected);
    }
}

#[test]
fn a_transaction_after_the_migrations_is_one_and_its_failure_is_told() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.run_pending_migrations(TWO).unwrap();
    // With nothing behind the text, the commit tells.
    let seed = |conn: &mut LitefsConnection, sql: &str| conn.transaction(|conn| conn.batch_execute(sql));
    let error = seed(&mut conn, "INSERT INTO users (name) VALUES ('Ada'); INSERT INTO nowhere VALUES (1)")
        .unwrap_err();
    assert_eq!(error.to_string(), "no such table: nowhere");
    assert_eq!(node.users(), 0);
    conn.run_pending_migrations(TWO).unwrap();
    seed(&mut conn, "INSERT INTO users (name) VALUES ('Ada')").unwrap();
    conn.run_pending_migrations(TWO).unwrap();
    let error = conn.transaction(|conn| {
        conn.batch_execute("INSERT INTO nowhere VALUES (1)")?;
        insert(conn, "Bob")
    });
    assert_eq!(error.unwrap_err().to_string(), "no such table: nowhere");
    conn.run_pending_migrations(TWO).unwrap();
    conn.transaction(|conn| {
        conn.batch_execute("INSERT INTO users (name) VALUES ('Bob')")?;
        conn.transaction(|conn| insert(conn, "Cid"))
    })
    .unwrap();
    conn.run_pending_migrations(TWO).unwrap();
    let undone = conn.transaction(|conn| {
        conn.batch_execute("DELETE FROM users")?;
        Err::<(), _>(DieselError::RollbackTransaction)
    });
    assert_eq!(undone, Err(DieselError::RollbackTransaction));
    assert_eq!(node.users(), 3);
}

#[test]
fn migrations_in_a_transaction_of_the_application_are_part_of_it() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.begin_test_transaction().unwrap();
    assert_eq!(conn.run_pending_migrations(TWO).unwrap().len(), 2);
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM b"), 1);
    drop(conn);
    assert!(node.versions().is_empty());
}

#[test]
fn one_without_a_transaction_runs_as_it_is() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.setup().unwrap();
    conn.batch_execute("CREATE TABLE a (x)").unwrap();
    assert_eq!(number(&mut node.connection(), "SELECT count(*) AS n FROM a"), 0);
    diesel::sql_query("INSERT INTO `__diesel_schema_migrations` (`version`) VALUES (?)")
        .bind::<Text, _>("1")
        .execute(&mut conn)
        .unwrap();
    assert_eq!((node.plans(), node.versions()), (0, vec!["1".into()]));
}

#[test]
fn the_recipe_for_rebuilding_a_table_takes_effect_around_the_transaction() {
    let node = Node::new();
    let mut conn = node.connection();
    diesel::sql_query("INSERT INTO users (id, name) VALUES (1, 'Ada')").execute(&mut conn).unwrap();
    diesel::sql_query("INSERT INTO posts (id, user_id, title) VALUES (1, 1, 'x')")
        .execute(&mut conn)
        .unwrap();
    let rebuild = Program(&[(
        "1_rebuild",
        "PRAGMA foreign_keys = OFF; CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);
         INSERT INTO new_users SELECT id, name, age FROM users; DROP TABLE users;
         ALTER TABLE new_users RENAME TO users; PRAGMA foreign_keys = ON;",
    )]);
    conn.run_pending_migrations(rebuild).unwrap();
    assert_eq!((node.plans(), node.users()), (1, 1));
    let orphan = diesel::sql_query("INSERT INTO posts (user_id, title) VALUES (99, 'x')").execute(&mut conn);
    assert!(orphan.is_err(), "foreign keys hold again");
}
