//! SELECT on several tables.

use diesel::dsl::{count, exists};
use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{Post, User};
use crate::cases::observe::shown;
use crate::cases::schema::{comments, posts, users};

super::cases!("joins":
    inner, left, three_tables, on_a_condition, with_itself, grouped, correlated_subquery,
);

pub(super) fn people_and_posts(conn: &mut Conn) -> QueryResult<()> {
    conn_batch(
        conn,
        "INSERT INTO case_users (id, name, age) VALUES (1, 'Ada', 36), (2, 'Bob', 40), (3, 'Cy', 36);
         INSERT INTO case_posts (id, user_id, title, body, published, score) VALUES
         (1, 1, 'one', NULL, 1, 0.5), (2, 1, 'two', 'text', 0, -1.25), (3, 2, 'three', '', 1, 1e300);
         INSERT INTO case_comments (id, post_id, body) VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 3, 'c');",
    )
}

fn conn_batch(conn: &mut Conn, sql: &str) -> QueryResult<()> {
    use diesel::connection::SimpleConnection;
    conn.batch_execute(sql)
}

fn inner(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let pairs: Vec<(User, Post)> = users::table.inner_join(posts::table).order(posts::id).load(conn)?;
    let columns: Vec<(String, String)> = posts::table
        .inner_join(users::table)
        .filter(users::name.eq("Ada"))
        .select((users::name, posts::title))
        .order(posts::id)
        .load(conn)?;
    Ok(json!([pairs, columns]))
}

fn left(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let pairs: Vec<(User, Option<Post>)> =
        users::table.left_join(posts::table).order((users::id, posts::id)).load(conn)?;
    let without: Vec<String> =
        users::table.left_join(posts::table).filter(posts::id.is_null()).select(users::name).load(conn)?;
    let nullable: Vec<(i32, Option<String>)> = users::table
        .left_join(posts::table)
        .select((users::id, posts::title.nullable()))
        .order((users::id, posts::id))
        .load(conn)?;
    Ok(json!([pairs, without, nullable]))
}

fn three_tables(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let rows: Vec<(String, String, String)> = users::table
        .inner_join(posts::table.inner_join(comments::table))
        .select((users::name, posts::title, comments::body))
        .order(comments::id)
        .load(conn)?;
    let with_none: Vec<(String, Option<String>)> = posts::table
        .left_join(comments::table)
        .inner_join(users::table)
        .select((users::name.concat(posts::title), comments::body.nullable()))
        .order((posts::id, comments::id))
        .load(conn)?;
    Ok(json!([rows, with_none]))
}

fn on_a_condition(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let rows: Vec<(String, String)> = users::table
        .inner_join(posts::table.on(posts::user_id.lt(users::id).and(posts::published.eq(true))))
        .select((users::name, posts::title))
        .order((users::id, posts::id))
        .load(conn)?;
    Ok(shown(rows))
}

fn with_itself(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let other = diesel::alias!(users as other);
    let same_age: Vec<(String, String)> = users::table
        .inner_join(other.on(other.field(users::age).eq(users::age)))
        .filter(other.field(users::id).gt(users::id))
        .select((users::name, other.field(users::name)))
        .load(conn)?;
    Ok(shown(same_age))
}

fn grouped(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let counts: Vec<(String, i64)> = users::table
        .left_join(posts::table)
        .group_by(users::id)
        .select((users::name, count(posts::id.nullable())))
        .order(users::id)
        .load(conn)?;
    Ok(shown(counts))
}

fn correlated_subquery(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let with_comments = posts::table
        .filter(exists(comments::table.filter(comments::post_id.eq(posts::id))))
        .select(posts::id)
        .order(posts::id)
        .load::<i32>(conn)?;
    let numbers: Vec<(i32, Option<i64>)> = users::table
        .select((users::id, posts::table.filter(posts::user_id.eq(users::id)).count().single_value()))
        .order(users::id)
        .load(conn)?;
    Ok(json!([with_comments, numbers]))
}
