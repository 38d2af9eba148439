//! What the database refuses: kind and message, and what is in the tables afterwards.

use diesel::connection::SimpleConnection;
use diesel::dsl::insert_into;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{Number, User};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{comments, loans, posts, tags, users};

super::cases!("errors":
    unique, unique_of_several_columns, primary_key, composite_primary_key, not_null, check,
    named_check, foreign_key_at_once, foreign_key_of_a_parent, foreign_key_deferred,
    update_that_breaks_a_constraint, type_of_a_row_id, strict_table, no_such_table, no_such_column,
    no_such_function, syntax_error, wrong_number_of_values, overflow_while_reading,
    broken_json_while_reading, from_a_batch, or_conflict_clauses, too_big, goes_on_afterwards,
);

fn ada(conn: &mut Conn) -> QueryResult<()> {
    let new = (users::id.eq(1), users::name.eq("Ada"), users::email.eq("ada@example.org"));
    insert_into(users::table).values(new).execute(conn)?;
    Ok(())
}

/// What one statement gives, and how many users there are then.
fn statement(conn: &mut Conn, sql: &str) -> QueryResult<Value> {
    let result = diesel::sql_query(sql).execute(conn);
    Ok(json!([seen(result), users::table.count().get_result::<i64>(conn)?]))
}

fn unique(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let twice = (users::id.eq(2), users::name.eq("Eve"), users::email.eq("ada@example.org"));
    let executed = insert_into(users::table).values(twice).execute(conn);
    let returned = insert_into(users::table).values(twice).get_result::<User>(conn);
    Ok(json!([seen(executed), seen(returned), users::table.load::<User>(conn)?]))
}

fn unique_of_several_columns(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("CREATE UNIQUE INDEX case_once ON case_users (name, city)")?;
    ada(conn)?;
    statement(conn, "INSERT INTO case_users (id, name) VALUES (2, 'Ada')")
}

fn primary_key(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let again = insert_into(users::table).values((users::id.eq(1), users::name.eq("Eve"))).execute(conn);
    Ok(seen(again))
}

fn composite_primary_key(conn: &mut Conn) -> QueryResult<Value> {
    let tag = (tags::post_id.eq(1), tags::label.eq("a"), tags::weight.eq(1));
    insert_into(tags::table).values(tag).execute(conn)?;
    Ok(seen(insert_into(tags::table).values(tag).execute(conn)))
}

fn not_null(conn: &mut Conn) -> QueryResult<Value> {
    let missing = insert_into(users::table).values(users::id.eq(1)).execute(conn);
    let explicit = statement(conn, "INSERT INTO case_users (id, name) VALUES (1, NULL)")?;
    Ok(json!([seen(missing), explicit]))
}

fn check(conn: &mut Conn) -> QueryResult<Value> {
    let young = (users::name.eq("Ada"), users::age.eq(-1));
    Ok(seen(insert_into(users::table).values(young).execute(conn)))
}

fn named_check(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("CREATE TABLE case_checked (n INTEGER, CONSTRAINT is_even CHECK (n % 2 = 0))")?;
    statement(conn, "INSERT INTO case_checked VALUES (2), (3)")
}

fn foreign_key_at_once(conn: &mut Conn) -> QueryResult<Value> {
    let orphan = (posts::user_id.eq(9), posts::title.eq("orphan"));
    let refused = insert_into(posts::table).values(orphan).execute(conn);
    Ok(json!([seen(refused), posts::table.count().get_result::<i64>(conn)?]))
}

fn foreign_key_of_a_parent(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    insert_into(posts::table)
        .values((posts::id.eq(1), posts::user_id.eq(1), posts::title.eq("post")))
        .execute(conn)?;
    let deleted = diesel::delete(users::table.find(1)).execute(conn);
    let moved = diesel::update(users::table.find(1)).set(users::id.eq(2)).execute(conn);
    let orphan = insert_into(comments::table)
        .values((comments::post_id.eq(5), comments::body.eq("lost")))
        .execute(conn);
    Ok(json!([seen(deleted), seen(moved), seen(orphan), users::table.load::<User>(conn)?]))
}

fn foreign_key_deferred(conn: &mut Conn) -> QueryResult<Value> {
    // Without a transaction around it, the statement's own commit fails.
    let refused = insert_into(loans::table).values((loans::id.eq(1), loans::user_id.eq(9))).execute(conn);
    let kept = loans::table.count().get_result::<i64>(conn)?;
    ada(conn)?;
    let fine = insert_into(loans::table).values((loans::id.eq(1), loans::user_id.eq(1))).execute(conn);
    Ok(json!([seen(refused), kept, seen(fine)]))
}

fn update_that_breaks_a_constraint(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    statement(conn, "INSERT INTO case_users (id, name, email) VALUES (2, 'Bob', 'bob@example.org')")?;
    let all_alike = diesel::update(users::table).set(users::email.eq("one@example.org")).execute(conn);
    let negative = diesel::update(users::table).set(users::age.eq(users::age - 100)).execute(conn);
    Ok(json!([seen(all_alike), seen(negative), users::table.order(users::id).load::<User>(conn)?]))
}

fn type_of_a_row_id(conn: &mut Conn) -> QueryResult<Value> {
    statement(conn, "INSERT INTO case_users (id, name) VALUES ('one', 'Ada')")
}

fn strict_table(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("CREATE TABLE case_strict (n INTEGER, t TEXT) STRICT")?;
    statement(conn, "INSERT INTO case_strict VALUES ('word', 'text')")
}

fn no_such_table(conn: &mut Conn) -> QueryResult<Value> {
    let read = diesel::sql_query("SELECT 1 AS number FROM case_nowhere").load::<Number>(conn);
    let drop = diesel::sql_query("DROP TABLE case_nowhere").execute(conn);
    let write = statement(conn, "INSERT INTO case_nowhere VALUES (1)")?;
    Ok(json!([seen(read), seen(drop), write]))
}

fn no_such_column(conn: &mut Conn) -> QueryResult<Value> {
    let read = diesel::sql_query("SELECT absent AS number FROM case_users").load::<Number>(conn);
    let write = statement(conn, "UPDATE case_users SET absent = 1")?;
    Ok(json!([seen(read), write]))
}

fn no_such_function(conn: &mut Conn) -> QueryResult<Value> {
    let read = diesel::sql_query("SELECT no_such_function(1) AS number").load::<Number>(conn);
    let write = statement(conn, "UPDATE case_users SET age = no_such_function(1)")?;
    Ok(json!([seen(read), write]))
}

fn syntax_error(conn: &mut Conn) -> QueryResult<Value> {
    let texts =
        ["SELEC 1", "SELECT 1 FROM", "INSERT INTO case_users VALUES (", "'", "SELECT 'open", ") DELETE"];
    let executed: Vec<Value> = texts.map(|sql| seen(diesel::sql_query(sql).execute(conn))).into();
    let loaded: Vec<Value> = texts.map(|sql| seen(diesel::sql_query(sql).load::<Number>(conn))).into();
    Ok(json!([executed, loaded]))
}

fn wrong_number_of_values(conn: &mut Conn) -> QueryResult<Value> {
    let few = statement(conn, "INSERT INTO case_users (id, name) VALUES (1)")?;
    let uneven = statement(conn, "INSERT INTO case_users (id, name) VALUES (1, 'Ada'), (2)")?;
    Ok(json!([few, uneven]))
}

fn overflow_while_reading(conn: &mut Conn) -> QueryResult<Value> {
    let read = diesel::sql_query("SELECT abs(-9223372036854775808) AS number").load::<Number>(conn);
    ada(conn)?;
    let write = statement(conn, "UPDATE case_users SET age = abs(-9223372036854775808)")?;
    Ok(json!([seen(read), write]))
}

fn broken_json_while_reading(conn: &mut Conn) -> QueryResult<Value> {
    let sql = "SELECT json_extract('{broken', '$.a') AS number";
    Ok(seen(diesel::sql_query(sql).load::<Number>(conn)))
}

fn from_a_batch(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let one = conn.batch_execute("INSERT INTO case_users (id, name) VALUES (1, 'again')");
    let syntax = conn.batch_execute("NOT A STATEMENT");
    let table = conn.batch_execute("DELETE FROM case_nowhere");
    Ok(json!([seen(one), seen(syntax), seen(table)]))
}

fn or_conflict_clauses(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let mut results = Vec::new();
    for word in ["ABORT", "FAIL", "ROLLBACK", "IGNORE", "REPLACE"] {
        let sql = format!("INSERT OR {word} INTO case_users (id, name) VALUES (1, '{word}')");
        results.push(statement(conn, &sql)?);
    }
    Ok(json!([results, users::table.load::<User>(conn)?]))
}

fn too_big(conn: &mut Conn) -> QueryResult<Value> {
    let read = diesel::sql_query("SELECT length(zeroblob(2000000000)) AS number").load::<Number>(conn);
    let write = statement(conn, "INSERT INTO case_values (id, blob) VALUES (1, zeroblob(2000000000))")?;
    Ok(json!([seen(read), write]))
}

fn goes_on_afterwards(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    for _ in 0..3 {
        let failed = insert_into(users::table).values((users::id.eq(1), users::name.eq("x"))).execute(conn);
        assert!(failed.is_err(), "the key is taken");
    }
    insert_into(users::table).values((users::id.eq(2), users::name.eq("Bob"))).execute(conn)?;
    Ok(shown(users::table.order(users::id).load::<User>(conn)?))
}
