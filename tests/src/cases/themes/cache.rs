//! The cache of prepared statements, in use and turned off.

use diesel::connection::CacheSize;
use diesel::dsl::insert_into;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::User;
use crate::cases::observe::seen;
use crate::cases::schema::users;

super::cases!("cache": turned_off, turned_off_and_on_again, same_statement_with_other_values);

fn work(conn: &mut Conn, from: i32) -> QueryResult<Value> {
    for id in from..from + 3 {
        insert_into(users::table).values((users::id.eq(id), users::name.eq("user"))).execute(conn)?;
    }
    let failed = insert_into(users::table).values((users::id.eq(from), users::name.eq("x"))).execute(conn);
    let rows: Vec<User> = users::table.filter(users::id.ge(from)).order(users::id).load(conn)?;
    let again: Vec<User> = users::table.filter(users::id.ge(from + 2)).order(users::id).load(conn)?;
    Ok(json!([seen(failed), rows, again]))
}

fn turned_off(conn: &mut Conn) -> QueryResult<Value> {
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    work(conn, 1)
}

fn turned_off_and_on_again(conn: &mut Conn) -> QueryResult<Value> {
    let on = work(conn, 1)?;
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    let off = conn.transaction(|conn| work(conn, 10))?;
    conn.set_prepared_statement_cache_size(CacheSize::Unbounded);
    Ok(json!([on, off, work(conn, 20)?]))
}

fn same_statement_with_other_values(conn: &mut Conn) -> QueryResult<Value> {
    let mut found = Vec::new();
    for id in 1..=20 {
        insert_into(users::table)
            .values((users::id.eq(id), users::name.eq(format!("user {id}")), users::email.eq(None::<String>)))
            .execute(conn)?;
        let name: String = users::table.find(id).select(users::name).first(conn)?;
        found.push(name);
    }
    Ok(json!(found))
}
