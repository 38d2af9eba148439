//! Triggers: what they do, and what their RAISE refuses.

use diesel::connection::SimpleConnection;
use diesel::dsl::insert_into;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{Tag, User};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{tags, users};

super::cases!("triggers":
    writes_another_table, counts_only_the_statement, raise_abort, raise_fail, raise_rollback, raise_ignore,
    instead_of, recursive_error,
);

/// A trigger that refuses users younger than ten in the given way.
fn refusing(conn: &mut Conn, raise: &str) -> QueryResult<()> {
    conn.batch_execute(&format!(
        "CREATE TRIGGER case_refuse BEFORE INSERT ON case_users WHEN NEW.age < 10 \
         BEGIN SELECT RAISE({raise}); END"
    ))
}

fn insert(conn: &mut Conn, id: i32, age: i32) -> QueryResult<usize> {
    let new = (users::id.eq(id), users::name.eq("user"), users::age.eq(age));
    insert_into(users::table).values(new).execute(conn)
}

/// One user that is let in, one that is refused, and one afterwards.
fn refused(conn: &mut Conn, raise: &str) -> QueryResult<Value> {
    refusing(conn, raise)?;
    let results = [(1, 20), (2, 5), (3, 30)].map(|(id, age)| seen(insert(conn, id, age)));
    let ids: Vec<i32> = users::table.select(users::id).order(users::id).load(conn)?;
    Ok(json!([results, ids]))
}

fn raise_abort(conn: &mut Conn) -> QueryResult<Value> {
    refused(conn, "ABORT, 'too young: aborted'")
}

fn raise_fail(conn: &mut Conn) -> QueryResult<Value> {
    refused(conn, "FAIL, 'too young: failed'")
}

fn raise_rollback(conn: &mut Conn) -> QueryResult<Value> {
    refused(conn, "ROLLBACK, 'too young: rolled back'")
}

fn raise_ignore(conn: &mut Conn) -> QueryResult<Value> {
    refused(conn, "IGNORE")
}

const COUNTING: &str = "CREATE TRIGGER case_count AFTER INSERT ON case_users BEGIN
    INSERT INTO case_tags (post_id, label, weight) VALUES (NEW.id, 'seen;' || NEW.name, 1);
    UPDATE case_tags SET weight = weight + 1 WHERE label LIKE 'seen;%';
END";

fn writes_another_table(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(COUNTING)?;
    insert(conn, 1, 20)?;
    insert(conn, 2, 20)?;
    Ok(shown(tags::table.order(tags::post_id).load::<Tag>(conn)?))
}

fn counts_only_the_statement(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(COUNTING)?;
    let new: Vec<_> = (1..=3).map(|id| (users::id.eq(id), users::name.eq("user"))).collect();
    let inserted = insert_into(users::table).values(&new).execute(conn)?;
    let returned: User = insert_into(users::table).values(users::name.eq("last")).get_result(conn)?;
    Ok(json!([inserted, returned, tags::table.order(tags::post_id).load::<Tag>(conn)?]))
}

fn instead_of(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE VIEW case_names AS SELECT id, name FROM case_users;
         CREATE TRIGGER case_through INSTEAD OF INSERT ON case_names BEGIN
             INSERT INTO case_users (id, name, age) VALUES (NEW.id, upper(NEW.name), 50);
         END",
    )?;
    let count = diesel::sql_query("INSERT INTO case_names VALUES (1, 'ada')").execute(conn)?;
    Ok(json!([count, users::table.load::<User>(conn)?]))
}

fn recursive_error(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE TRIGGER case_again AFTER INSERT ON case_users BEGIN
             INSERT INTO case_users (id, name) VALUES (1, 'the same key');
         END",
    )?;
    let result = insert(conn, 1, 20);
    Ok(json!([seen(result), users::table.count().get_result::<i64>(conn)?]))
}
