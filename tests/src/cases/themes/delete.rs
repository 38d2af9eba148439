//! DELETE.

use diesel::dsl::{exists, insert_into};
use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{Tag, User};
use crate::cases::observe::seen;
use crate::cases::schema::{comments, posts, tags, users};

super::cases!("delete":
    by_filter, by_identity, by_composite_identity, by_subquery, everything, with_cascade,
);

fn users_one_to_four(conn: &mut Conn) -> QueryResult<()> {
    let new: Vec<_> = (1..=4).map(|id| (users::id.eq(id), users::name.eq(format!("user {id}")))).collect();
    insert_into(users::table).values(new).execute(conn)?;
    Ok(())
}

fn ids(conn: &mut Conn) -> QueryResult<Vec<i32>> {
    users::table.select(users::id).order(users::id).load(conn)
}

fn by_filter(conn: &mut Conn) -> QueryResult<Value> {
    users_one_to_four(conn)?;
    let counts = [
        diesel::delete(users::table.filter(users::id.eq_any([1, 3, 9]))).execute(conn)?,
        diesel::delete(users::table.filter(users::name.eq("nobody"))).execute(conn)?,
        diesel::delete(users::table).filter(users::id.gt(2)).execute(conn)?,
    ];
    Ok(json!([counts, ids(conn)?]))
}

fn by_identity(conn: &mut Conn) -> QueryResult<Value> {
    users_one_to_four(conn)?;
    let user: User = users::table.find(2).first(conn)?;
    let counts = [diesel::delete(&user).execute(conn)?, diesel::delete(&user).execute(conn)?];
    Ok(json!([counts, ids(conn)?]))
}

fn by_composite_identity(conn: &mut Conn) -> QueryResult<Value> {
    insert_into(tags::table).values(&vec![Tag::new(1, "a", 1), Tag::new(1, "b", 2)]).execute(conn)?;
    let count = diesel::delete(&Tag::new(1, "a", 0)).execute(conn)?;
    Ok(json!([count, tags::table.load::<Tag>(conn)?]))
}

fn by_subquery(conn: &mut Conn) -> QueryResult<Value> {
    users_one_to_four(conn)?;
    insert_into(posts::table).values((posts::user_id.eq(3), posts::title.eq("kept"))).execute(conn)?;
    let has_post = exists(posts::table.filter(posts::user_id.eq(users::id)));
    let count = diesel::delete(users::table.filter(diesel::dsl::not(has_post))).execute(conn)?;
    Ok(json!([count, ids(conn)?]))
}

fn everything(conn: &mut Conn) -> QueryResult<Value> {
    users_one_to_four(conn)?;
    let counts = [diesel::delete(users::table).execute(conn)?, diesel::delete(users::table).execute(conn)?];
    Ok(json!([counts, ids(conn)?]))
}

fn with_cascade(conn: &mut Conn) -> QueryResult<Value> {
    users_one_to_four(conn)?;
    insert_into(posts::table)
        .values((posts::id.eq(1), posts::user_id.eq(1), posts::title.eq("post")))
        .execute(conn)?;
    for body in ["first", "second"] {
        insert_into(comments::table)
            .values((comments::post_id.eq(1), comments::body.eq(body)))
            .execute(conn)?;
    }
    let refused = diesel::delete(users::table.find(1)).execute(conn);
    let cascaded = diesel::delete(posts::table.find(1)).execute(conn)?;
    let comments_left = comments::table.count().get_result::<i64>(conn)?;
    let now_allowed = diesel::delete(users::table.find(1)).execute(conn);
    Ok(json!([seen(refused), cascaded, comments_left, seen(now_allowed), ids(conn)?]))
}
