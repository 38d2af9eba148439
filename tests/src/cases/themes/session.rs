//! What the connection holds: the last row id, the number of changes, and settings that every
//! connection accepts.

use diesel::connection::SimpleConnection;
use diesel::define_sql_function;
use diesel::dsl::insert_into;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::Number;
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{posts, users};

super::cases!("session":
    last_insert_rowid_of_inserts, changes_of_writes, in_a_statement_of_its_own, in_a_write,
    inside_a_transaction, after_a_rollback, after_a_failed_write, after_returning,
    after_a_script, reads_change_nothing, built_in_functions, usual_settings,
);

define_sql_function! {
    /// SQLite's own.
    fn last_insert_rowid() -> BigInt;
}
define_sql_function! {
    /// SQLite's own.
    fn changes() -> BigInt;
}

fn held(conn: &mut Conn) -> QueryResult<(i64, i64)> {
    diesel::select((last_insert_rowid(), changes())).get_result(conn)
}

fn add(conn: &mut Conn, id: i32) -> QueryResult<usize> {
    insert_into(users::table).values((users::id.eq(id), users::name.eq("user"))).execute(conn)
}

fn last_insert_rowid_of_inserts(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 41)?;
    let first: i64 = diesel::select(last_insert_rowid()).get_result(conn)?;
    insert_into(users::table).values(users::name.eq("next")).execute(conn)?;
    let second: i64 = diesel::select(last_insert_rowid()).get_result(conn)?;
    let new: Vec<_> = [100, 90].map(|id| (users::id.eq(id), users::name.eq("batch"))).into();
    insert_into(users::table).values(new).execute(conn)?;
    let third: i64 = diesel::select(last_insert_rowid()).get_result(conn)?;
    let row: i32 = users::table
        .filter(users::id.eq(diesel::dsl::sql::<diesel::sql_types::Integer>("last_insert_rowid()")))
        .select(users::id)
        .first(conn)?;
    Ok(json!([first, second, third, row]))
}

fn changes_of_writes(conn: &mut Conn) -> QueryResult<Value> {
    let mut seen = Vec::new();
    for id in 1..=3 {
        add(conn, id)?;
    }
    seen.push(held(conn)?);
    diesel::update(users::table).set(users::age.eq(1)).execute(conn)?;
    seen.push(held(conn)?);
    diesel::update(users::table.find(99)).set(users::age.eq(1)).execute(conn)?;
    seen.push(held(conn)?);
    diesel::delete(users::table.filter(users::id.lt(3))).execute(conn)?;
    seen.push(held(conn)?);
    Ok(shown(seen))
}

fn in_a_statement_of_its_own(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 7)?;
    let by_name: Number = diesel::sql_query("SELECT last_insert_rowid() AS number").get_result(conn)?;
    let computed: Number =
        diesel::sql_query("SELECT LAST_INSERT_ROWID() * 100 + changes() AS number").get_result(conn)?;
    Ok(json!([by_name, computed]))
}

fn in_a_write(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 7)?;
    diesel::sql_query(
        "INSERT INTO case_posts (id, user_id, title) VALUES (1, last_insert_rowid(), 'by the last')",
    )
    .execute(conn)?;
    let between = held(conn)?;
    diesel::update(users::table).set(users::age.eq(5)).execute(conn)?;
    diesel::sql_query("UPDATE case_posts SET score = changes()").execute(conn)?;
    let stored: (i32, f64) = posts::table.select((posts::user_id, posts::score)).first(conn)?;
    Ok(json!([between, stored]))
}

fn inside_a_transaction(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 1)?;
    let inside = conn.transaction::<_, diesel::result::Error, _>(|conn| {
        let before = held(conn)?;
        add(conn, 20)?;
        diesel::sql_query("INSERT INTO case_posts (id, user_id, title) VALUES (5, last_insert_rowid(), 'x')")
            .execute(conn)?;
        let between = held(conn)?;
        diesel::update(users::table).set(users::age.eq(5)).execute(conn)?;
        Ok([before, between, held(conn)?])
    })?;
    Ok(json!([inside, held(conn)?]))
}

fn after_a_rollback(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 1)?;
    let _ = conn.transaction::<(), _, _>(|conn| {
        add(conn, 30)?;
        Err(diesel::result::Error::RollbackTransaction)
    });
    // SQLite does not take it back.
    Ok(shown(held(conn)?))
}

fn after_a_failed_write(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 1)?;
    diesel::update(users::table).set(users::age.eq(2)).execute(conn)?;
    let failed = add(conn, 1);
    let last: i64 = diesel::select(last_insert_rowid()).get_result(conn)?;
    Ok(json!([seen(failed), last]))
}

fn after_returning(conn: &mut Conn) -> QueryResult<Value> {
    let id: i32 = insert_into(users::table)
        .values((users::id.eq(55), users::name.eq("Ada")))
        .returning(users::id)
        .get_result(conn)?;
    let after_insert = held(conn)?;
    let ages: Vec<i32> =
        diesel::update(users::table).set(users::age.eq(1)).returning(users::age).get_results(conn)?;
    Ok(json!([id, after_insert, ages, held(conn)?]))
}

fn after_a_script(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "INSERT INTO case_users (id, name) VALUES (3, 'a'), (8, 'b'); UPDATE case_users SET age = 3;",
    )?;
    Ok(shown(held(conn)?))
}

fn reads_change_nothing(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 9)?;
    let mut seen = vec![held(conn)?];
    users::table.count().get_result::<i64>(conn)?;
    diesel::sql_query("SELECT * FROM case_users").execute(conn)?;
    seen.push(held(conn)?);
    Ok(shown(seen))
}

fn built_in_functions(conn: &mut Conn) -> QueryResult<Value> {
    define_sql_function!(fn lower(x: diesel::sql_types::Text) -> diesel::sql_types::Text);
    define_sql_function!(fn coalesce(x: diesel::sql_types::Nullable<diesel::sql_types::Text>, y: diesel::sql_types::Text) -> diesel::sql_types::Text);
    define_sql_function! {
        #[aggregate]
        fn total(x: diesel::sql_types::Integer) -> diesel::sql_types::Double;
    }
    insert_into(users::table)
        .values((users::id.eq(1), users::name.eq("ADA"), users::age.eq(4)))
        .execute(conn)?;
    let row: (String, String) =
        users::table.select((lower(users::name), coalesce(users::email, "none"))).first(conn)?;
    let sum: f64 = users::table.select(total(users::age)).first(conn)?;
    let lowered = diesel::update(users::table).set(users::name.eq(lower(users::name))).execute(conn)?;
    Ok(json!([row, sum, lowered, users::table.select(users::name).first::<String>(conn)?]))
}

fn usual_settings(conn: &mut Conn) -> QueryResult<Value> {
    // What applications set up first. A node accepts them: they tune reading, or ask for what it has.
    let results = [
        "PRAGMA foreign_keys = ON",
        "PRAGMA foreign_keys = 1;",
        "PRAGMA busy_timeout = 5000;",
        "PRAGMA cache_size = -4000",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA mmap_size = 0",
        "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;",
    ]
    .map(|sql| seen(conn.batch_execute(sql)));
    let foreign_keys: (i64,) =
        diesel::select((diesel::dsl::sql::<BigInt>("(SELECT foreign_keys FROM pragma_foreign_keys)"),))
            .get_result(conn)?;
    add(conn, 1)?;
    Ok(json!([results, foreign_keys]))
}
