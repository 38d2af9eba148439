//! What the transaction manager says when transactions do not go as planned.

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::dsl::insert_into;
use diesel::prelude::*;
use diesel::result::Error;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::clean::depth;
use crate::cases::observe::seen;
use crate::cases::schema::users;

super::cases!("manager":
    on_conflict_rollback, on_conflict_rollback_then_commit, on_conflict_rollback_in_a_savepoint,
    raise_rollback, nothing_to_end, begin_by_hand, begin_twice_by_hand, test_transaction,
    begin_test_transaction, test_transaction_that_fails, raw_begin_and_commit,
    raw_begin_and_rollback, raw_savepoints, raw_begin_then_a_transaction,
    raw_commit_inside_a_transaction, raw_rollback_inside_a_transaction,
);

type Manager = <Conn as Connection>::TransactionManager;

fn add(conn: &mut Conn, id: i32) -> QueryResult<usize> {
    insert_into(users::table).values((users::id.eq(id), users::name.eq("user"))).execute(conn)
}

fn ids(conn: &mut Conn) -> QueryResult<Vec<i32>> {
    users::table.select(users::id).order(users::id).load(conn)
}

/// A statement that ends the whole transaction when the key is taken.
fn add_or_rollback(conn: &mut Conn, id: i32) -> QueryResult<usize> {
    diesel::sql_query(format!("INSERT OR ROLLBACK INTO case_users (id, name) VALUES ({id}, 'user')"))
        .execute(conn)
}

fn on_conflict_rollback(conn: &mut Conn) -> QueryResult<Value> {
    let mut inside = Value::Null;
    let outcome = conn.transaction::<usize, Error, _>(|conn| {
        add(conn, 1)?;
        let failed = add_or_rollback(conn, 1);
        inside = json!([seen(ids(conn)), depth(conn)]);
        failed
    });
    let after = depth(conn);
    let next = conn.transaction(|conn| add(conn, 2));
    Ok(json!([inside, seen(outcome), after, seen(next), seen(ids(conn)), depth(conn)]))
}

fn on_conflict_rollback_then_commit(conn: &mut Conn) -> QueryResult<Value> {
    let outcome = conn.transaction::<Value, Error, _>(|conn| {
        add(conn, 1)?;
        let failed = add_or_rollback(conn, 1);
        Ok(seen(failed))
    });
    let after = depth(conn);
    let next = conn.transaction(|conn| add(conn, 2));
    Ok(json!([seen(outcome), after, seen(next), seen(ids(conn)), depth(conn)]))
}

fn on_conflict_rollback_in_a_savepoint(conn: &mut Conn) -> QueryResult<Value> {
    let mut inside = Value::Null;
    let outcome = conn.transaction::<(), Error, _>(|conn| {
        add(conn, 1)?;
        let inner = conn.transaction(|conn| add_or_rollback(conn, 1));
        inside = json!([seen(inner), depth(conn)]);
        Err(Error::RollbackTransaction)
    });
    let after = depth(conn);
    let next = conn.transaction(|conn| add(conn, 2));
    Ok(json!([inside, seen(outcome), after, seen(next), seen(ids(conn)), depth(conn)]))
}

fn raise_rollback(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE TRIGGER case_end BEFORE INSERT ON case_users WHEN NEW.id = 13 \
         BEGIN SELECT RAISE(ROLLBACK, 'all of it'); END",
    )?;
    let mut inside = Value::Null;
    let outcome = conn.transaction::<usize, Error, _>(|conn| {
        add(conn, 1)?;
        let failed = add(conn, 13);
        inside = json!(depth(conn));
        failed
    });
    let after = depth(conn);
    let next = conn.transaction(|conn| add(conn, 2));
    Ok(json!([inside, seen(outcome), after, seen(next), seen(ids(conn))]))
}

fn nothing_to_end(conn: &mut Conn) -> QueryResult<Value> {
    let commit = Manager::commit_transaction(conn);
    let rollback = Manager::rollback_transaction(conn);
    let raw = ["COMMIT", "ROLLBACK", "RELEASE absent", "ROLLBACK TO absent"]
        .map(|sql| seen(conn.batch_execute(sql)));
    Ok(json!([seen(commit), seen(rollback), raw, depth(conn)]))
}

fn begin_by_hand(conn: &mut Conn) -> QueryResult<Value> {
    Manager::begin_transaction(conn)?;
    add(conn, 1)?;
    Manager::begin_transaction(conn)?;
    let deepest = depth(conn);
    add(conn, 2)?;
    Manager::rollback_transaction(conn)?;
    Manager::begin_transaction(conn)?;
    add(conn, 3)?;
    Manager::commit_transaction(conn)?;
    let inside = ids(conn)?;
    Manager::commit_transaction(conn)?;
    Ok(json!([deepest, inside, ids(conn)?, depth(conn)]))
}

fn begin_twice_by_hand(conn: &mut Conn) -> QueryResult<Value> {
    Manager::begin_transaction(conn)?;
    let raw = conn.batch_execute("BEGIN");
    add(conn, 1)?;
    Manager::commit_transaction(conn)?;
    Ok(json!([seen(raw), ids(conn)?, depth(conn)]))
}

fn test_transaction(conn: &mut Conn) -> QueryResult<Value> {
    let inside = conn.test_transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        conn.transaction(|conn| add(conn, 2))?;
        ids(conn)
    });
    Ok(json!([inside, ids(conn)?, depth(conn)]))
}

fn begin_test_transaction(conn: &mut Conn) -> QueryResult<Value> {
    conn.begin_test_transaction()?;
    add(conn, 1)?;
    conn.transaction(|conn| add(conn, 2))?;
    let failed = conn.transaction(|conn| add(conn, 1));
    let inside = (ids(conn)?, depth(conn));
    Manager::rollback_transaction(conn)?;
    Ok(json!([seen(failed), inside, ids(conn)?, depth(conn)]))
}

fn test_transaction_that_fails(conn: &mut Conn) -> QueryResult<Value> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let panic = catch_unwind(AssertUnwindSafe(|| {
        conn.test_transaction::<(), Error, _>(|conn| {
            add(conn, 1)?;
            Err(Error::NotFound)
        });
    }));
    let said = panic.err().map(|panic| crate::cases::panic_message(&*panic).to_owned());
    Ok(json!([said, ids(conn)?, depth(conn)]))
}

fn raw_begin_and_commit(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("BEGIN")?;
    add(conn, 1)?;
    let inside = ids(conn)?;
    conn.batch_execute("COMMIT;")?;
    conn.batch_execute("begin immediate transaction; -- in small letters")?;
    add(conn, 2)?;
    conn.batch_execute("END TRANSACTION")?;
    Ok(json!([inside, ids(conn)?, depth(conn)]))
}

fn raw_begin_and_rollback(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("BEGIN EXCLUSIVE")?;
    add(conn, 1)?;
    let inside = ids(conn)?;
    conn.batch_execute("ROLLBACK")?;
    Ok(json!([inside, ids(conn)?, depth(conn)]))
}

fn raw_savepoints(conn: &mut Conn) -> QueryResult<Value> {
    let (inside, depth_inside) = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        conn.batch_execute("SAVEPOINT one")?;
        add(conn, 2)?;
        conn.batch_execute("SAVEPOINT \"two words\"")?;
        add(conn, 3)?;
        conn.batch_execute("ROLLBACK TO one")?;
        let inside = ids(conn)?;
        add(conn, 4)?;
        conn.batch_execute("RELEASE SAVEPOINT one")?;
        Ok((inside, depth(conn)))
    })?;
    Ok(json!([inside, depth_inside, ids(conn)?]))
}

fn raw_begin_then_a_transaction(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("BEGIN")?;
    let refused = conn.transaction(|conn| add(conn, 1));
    add(conn, 2)?;
    conn.batch_execute("COMMIT")?;
    Ok(json!([seen(refused), ids(conn)?, depth(conn)]))
}

fn raw_commit_inside_a_transaction(conn: &mut Conn) -> QueryResult<Value> {
    let outcome = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        conn.batch_execute("COMMIT")
    });
    let after = (ids(conn)?, depth(conn));
    let next = conn.transaction(|conn| add(conn, 2));
    Ok(json!([seen(outcome), after, seen(next), ids(conn)?]))
}

fn raw_rollback_inside_a_transaction(conn: &mut Conn) -> QueryResult<Value> {
    let outcome = conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        conn.batch_execute("ROLLBACK")
    });
    let after = (ids(conn)?, depth(conn));
    let next = conn.transaction(|conn| add(conn, 2));
    Ok(json!([seen(outcome), after, seen(next), ids(conn)?]))
}
