//! Transactions: the same as on a bare connection, and wholly on the primary.

use std::sync::atomic::Ordering;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error};

use super::*;
use crate::error::{NotExecuted, outcome};

macro_rules! body {
    ($name:ident, $Conn:ty) => {
        fn $name(conn: &mut $Conn) -> Vec<String> {
            let mut log: Vec<String> = Vec::new();
            macro_rules! tell {
                ($what:expr, $result:expr) => {{
                    let result = $result;
                    let users = users::table.select(users::name).order(users::name).load::<String>(conn);
                    log.push(format!("{}: {result:?}, then {users:?}", $what));
                }};
            }
            fn add(conn: &mut $Conn, name: &str) -> QueryResult<usize> {
                diesel::insert_into(users::table).values(users::name.eq(name)).execute(conn)
            }
            fn orphan(conn: &mut $Conn) -> QueryResult<usize> {
                diesel::insert_into(posts::table)
                    .values((posts::user_id.eq(77), posts::title.eq("x")))
                    .execute(conn)
            }
            tell!("committed", conn.transaction(|conn| add(conn, "a")));
            tell!(
                "rolled back",
                conn.transaction(|conn| {
                    add(conn, "b")?;
                    assert_eq!(users::table.count().get_result::<i64>(conn)?, 2);
                    QueryResult::<()>::Err(Error::RollbackTransaction)
                })
            );
            tell!(
                "nested",
                conn.transaction(|conn| {
                    add(conn, "c")?;
                    let inner: QueryResult<()> = conn.transaction(|conn| {
                        add(conn, "d")?;
                        conn.transaction(|conn| add(conn, "e"))?;
                        Err(Error::RollbackTransaction)
                    });
                    assert!(inner.is_err());
                    conn.transaction(|conn| add(conn, "f"))
                })
            );
            tell!(
                "an error inside, and going on",
                conn.transaction(|conn| {
                    let error = add(conn, "a").unwrap_err();
                    assert!(matches!(error, Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)));
                    add(conn, "g")
                })
            );
            tell!(
                "an error in a savepoint, and going on",
                conn.transaction(|conn| {
                    let inner = conn.transaction(|conn| {
                        add(conn, "h")?;
                        add(conn, "a")
                    });
                    assert!(inner.is_err());
                    add(conn, "i")
                })
            );
            tell!("immediate", conn.immediate_transaction(|conn| add(conn, "j")));
            tell!("exclusive", conn.exclusive_transaction(|conn| add(conn, "k")));
            tell!(
                "exclusive within",
                conn.transaction(|conn| conn.exclusive_transaction(|conn| add(conn, "l")))
            );
            tell!(
                "a deferred key mended",
                conn.transaction(|conn| {
                    orphan(conn)?;
                    diesel::delete(posts::table).execute(conn)
                })
            );
            tell!("a deferred key left", conn.transaction(orphan));
            tell!("after a commit was refused", conn.transaction(|conn| add(conn, "m")));
            let conflict = |conn: &mut $Conn| {
                diesel::sql_query("INSERT OR ROLLBACK INTO users (name) VALUES ('a')").execute(conn)
            };
            tell!(
                "on conflict rollback",
                conn.transaction(|conn| {
                    add(conn, "n")?;
                    conflict(conn)
                })
            );
            tell!(
                "on conflict rollback, and going on",
                conn.transaction(|conn| {
                    add(conn, "o")?;
                    let _ = conflict(conn);
                    // No transaction is open here any more.
                    add(conn, "p")
                })
            );
            tell!(
                "on conflict rollback in a savepoint",
                conn.transaction(|conn| {
                    add(conn, "q")?;
                    conn.transaction(|conn| {
                        add(conn, "r")?;
                        conflict(conn)
                    })
                })
            );
            tell!("after it", conn.transaction(|conn| add(conn, "s")));
            tell!(
                "on conflict rollback in a batch",
                conn.transaction(|conn| {
                    add(conn, "t")?;
                    conn.batch_execute("INSERT OR ROLLBACK INTO users (name) VALUES ('a')")
                })
            );
            tell!("a test transaction", conn.test_transaction(|conn| add(conn, "u")));
            tell!(
                "schema in a transaction",
                conn.transaction(|conn| {
                    conn.batch_execute("CREATE TABLE made (a); INSERT INTO made VALUES (1)")?;
                    diesel::sql_query("INSERT INTO made VALUES (2)").execute(conn)?;
                    diesel::sql_query("UPDATE made SET a = a + 1 RETURNING a AS n").load::<Number>(conn)
                })
            );
            tell!("raw", conn.batch_execute("BEGIN; INSERT INTO users (name) VALUES ('v'); COMMIT;"));
            tell!("raw, through execute", {
                diesel::sql_query("BEGIN").execute(conn).unwrap();
                add(conn, "w").unwrap();
                diesel::sql_query("/* c */ end transaction;").execute(conn)
            });
            for control in [
                "COMMIT",
                "END",
                "ROLLBACK",
                "ROLLBACK TO x",
                "RELEASE x",
                "BEGIN; BEGIN",
                "ROLLBACK",
                "SAVEPOINT X; RELEASE x",
                "COMMIT",
                "SAVEPOINT a; SAVEPOINT b; RELEASE A",
                "COMMIT",
                "SAVEPOINT a; SAVEPOINT a; RELEASE a",
                "COMMIT",
                "COMMIT",
                "SAVEPOINT a; INSERT INTO users (name) VALUES ('x'); ROLLBACK TO a",
                "RELEASE a",
                "SAVEPOINT a; BEGIN",
                "RELEASE nope",
                "ROLLBACK TO nope",
                "rollback transaction to savepoint 'a'",
                "RELEASE a",
                "BEGIN; SAVEPOINT a; INSERT INTO users (name) VALUES ('y'); RELEASE a; COMMIT",
                "BEGIN IMMEDIATE; INSERT INTO users (name) VALUES ('a'); COMMIT",
                "ROLLBACK",
                "SAVEPOINT a; INSERT INTO posts (user_id, title) VALUES (77, 'x'); RELEASE a",
                "ROLLBACK",
                "BEGIN x",
                "SAVEPOINT",
                "-- nothing\n; ;",
                "begin exclusive transaction; insert into users (name) values ('z'); end transaction",
            ] {
                tell!(control, conn.batch_execute(control));
            }
            let deep = conn.transaction(|conn| {
                let depth = |conn: &mut $Conn| {
                    AnsiTransactionManager::transaction_manager_status_mut(conn)
                        .transaction_depth()
                        .map(|depth| depth.map(|depth| depth.get()))
                };
                let first = depth(conn);
                conn.transaction(|conn| QueryResult::Ok((first, depth(conn))))
            });
            tell!("depth", deep);
            log
        }
    };
}

body!(on_bare, SqliteConnection);
body!(on_litefs, LitefsConnection);

#[test]
fn transactions_and_raw_control_are_the_same_alone_and_on_a_node() {
    let expected = on_bare(&mut bare());
    let mut alone = LitefsConnection::establish(":memory:").unwrap();
    alone.batch_execute(SCHEMA).unwrap();
    assert_eq!(on_litefs(&mut alone), expected);
    for (on_node, expected) in on_litefs(&mut Node::new().connection()).iter().zip(&expected) {
        assert_eq!(on_node, expected);
    }
}

#[test]
fn an_open_transaction_is_seen_by_nobody_else_and_gone_with_its_connection() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.batch_execute("BEGIN").unwrap();
    insert(&mut conn, "Ada").unwrap();
    assert_eq!(users::table.count().get_result::<i64>(&mut conn), Ok(1));
    assert_eq!(users::table.count().get_result::<i64>(&mut node.connection()), Ok(0));
    drop(conn);
    // The writer serves the next one.
    insert(&mut node.connection(), "Bob").unwrap();
    assert_eq!(node.users(), 1);
}

#[test]
fn what_a_transaction_has_read_is_true_until_it_commits_though_it_began_with_a_plain_begin() {
    let node = Node::new();
    insert(&mut node.connection(), "Ada").unwrap();
    let mut conn = node.connection();
    conn.batch_execute("BEGIN").unwrap();
    let before: i64 = users::table.count().get_result(&mut conn).unwrap();
    // Another's write, meanwhile: had the transaction stayed here until it writes, this would be in
    // between what it read and what it makes of it.
    let mut other = node.connection();
    let writing = std::thread::spawn(move || insert(&mut other, "Bob"));
    while node.primary.seen.lock().unwrap().len() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(users::table.count().get_result::<i64>(&mut conn), Ok(before));
    diesel::update(users::table).set(users::age.eq(before as i32)).execute(&mut conn).unwrap();
    conn.batch_execute("COMMIT").unwrap();
    writing.join().unwrap().unwrap();
    let ages: Vec<Option<i32>> =
        users::table.select(users::age).order(users::id).load(&mut node.connection()).unwrap();
    assert_eq!(ages, [Some(1), None], "Bob came after it");
}

#[test]
fn a_transaction_that_is_lost_lets_nothing_run_in_its_stead() {
    let node = Node::new();
    let mut conn = node.connection();
    let lost = |error: &Error| {
        matches!(outcome(error), Some(crate::Error::NotExecuted(NotExecuted::TransactionEnded(_))))
    };
    let result = conn.transaction(|conn| {
        insert(conn, "Ada")?;
        node.primary.lose_next_step.store(true, Ordering::SeqCst);
        assert!(lost(&insert(conn, "Bob").unwrap_err()));
        // Code that goes on regardless must not write outside of the transaction.
        assert!(lost(&insert(conn, "Cem").unwrap_err()));
        assert!(lost(&conn.batch_execute("INSERT INTO users (name) VALUES ('Dan')").unwrap_err()));
        assert!(lost(&users::table.count().get_result::<i64>(conn).unwrap_err()));
        let inner = conn.transaction(|conn| insert(conn, "Eve"));
        assert!(lost(&inner.unwrap_err()));
        QueryResult::Ok(())
    });
    assert!(lost(&result.unwrap_err()), "the commit says so");
    assert_eq!(node.users(), 0);
    conn.transaction(|conn| insert(conn, "Fay")).unwrap();
    assert_eq!(node.users(), 1);
}

#[test]
fn rolling_back_a_transaction_that_is_lost_succeeds() {
    let node = Node::new();
    let mut conn = node.connection();
    let result = conn.transaction(|conn| {
        node.primary.lose_next_step.store(true, Ordering::SeqCst);
        insert(conn, "Ada")
    });
    let error = result.unwrap_err();
    assert!(matches!(outcome(&error), Some(crate::Error::NotExecuted(NotExecuted::TransactionEnded(_)))));
    assert_eq!(users::table.count().get_result::<i64>(&mut conn), Ok(0));
}
