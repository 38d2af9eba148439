//! INSERT … ON CONFLICT.

use diesel::dsl::{insert_into, insert_or_ignore_into};
use diesel::prelude::*;
use diesel::sql_types::Integer;
use diesel::upsert::excluded;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{NewUser, Tag, User};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{tags, users};

super::cases!("upsert":
    do_nothing, do_nothing_on_a_target, do_update, excluded_columns, composite_target,
    struct_as_changeset, with_a_filter, batch_do_nothing, batch_do_update, another_target_fails,
);

fn ada(conn: &mut Conn) -> QueryResult<()> {
    let ada = NewUser { id: 1, name: "Ada", email: Some("ada@example.org"), age: Some(36) };
    insert_into(users::table).values(&ada).execute(conn)?;
    Ok(())
}

fn rows(conn: &mut Conn) -> QueryResult<Value> {
    Ok(shown(users::table.order(users::id).load::<User>(conn)?))
}

fn do_nothing(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let mut counts = Vec::new();
    for id in [1, 2] {
        let new = (users::id.eq(id), users::name.eq("new"));
        counts.push(insert_into(users::table).values(new).on_conflict_do_nothing().execute(conn)?);
    }
    Ok(json!([counts, rows(conn)?]))
}

fn do_nothing_on_a_target(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let new = (users::id.eq(2), users::name.eq("Bob"), users::email.eq("ada@example.org"));
    let count = insert_into(users::table).values(new).on_conflict(users::email).do_nothing().execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn do_update(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let mut counts = Vec::new();
    for id in [1, 2] {
        counts.push(
            insert_into(users::table)
                .values((users::id.eq(id), users::name.eq("Eve")))
                .on_conflict(users::id)
                .do_update()
                .set((users::name.eq("conflict"), users::age.eq(users::age + 1)))
                .execute(conn)?,
        );
    }
    Ok(json!([counts, rows(conn)?]))
}

fn excluded_columns(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    insert_into(users::table)
        .values((users::id.eq(1), users::name.eq("Eve"), users::age.eq(4)))
        .on_conflict(users::id)
        .do_update()
        .set((users::name.eq(excluded(users::name)), users::age.eq(users::age * 10 + excluded(users::age))))
        .execute(conn)?;
    rows(conn)
}

fn composite_target(conn: &mut Conn) -> QueryResult<Value> {
    for weight in [1, 2, 3] {
        insert_into(tags::table)
            .values(Tag::new(1, "a", weight))
            .on_conflict((tags::post_id, tags::label))
            .do_update()
            .set(tags::weight.eq(tags::weight * 10 + excluded(tags::weight)))
            .execute(conn)?;
    }
    Ok(shown(tags::table.load::<Tag>(conn)?))
}

fn struct_as_changeset(conn: &mut Conn) -> QueryResult<Value> {
    let tag = Tag::new(1, "a", 5);
    for _ in 0..2 {
        insert_into(tags::table)
            .values(&tag)
            .on_conflict((tags::post_id, tags::label))
            .do_update()
            .set(&Tag::new(1, "a", 50))
            .execute(conn)?;
    }
    Ok(shown(tags::table.load::<Tag>(conn)?))
}

fn with_a_filter(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let mut counts = Vec::new();
    for limit in [10, 100] {
        let upsert = diesel::sql_query(
            "INSERT INTO case_users (id, name) VALUES (1, 'Eve') \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE age < ?",
        );
        counts.push(upsert.bind::<Integer, _>(limit).execute(conn)?);
    }
    Ok(json!([counts, rows(conn)?]))
}

fn batch_do_nothing(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let new = vec![
        NewUser { id: 1, name: "Eve", email: None, age: None },
        NewUser { id: 2, name: "Bob", email: None, age: None },
    ];
    let row_by_row = insert_or_ignore_into(users::table).values(&new).execute(conn)?;
    let labels = [("a", 1), ("a", 2), ("b", 3)]
        .map(|(label, weight)| (tags::post_id.eq(1), tags::label.eq(label), tags::weight.eq(weight)));
    let one_statement = insert_into(tags::table)
        .values(labels.to_vec())
        .on_conflict((tags::post_id, tags::label))
        .do_nothing()
        .execute(conn)?;
    Ok(json!([row_by_row, one_statement, rows(conn)?, tags::table.order(tags::label).load::<Tag>(conn)?]))
}

fn batch_do_update(conn: &mut Conn) -> QueryResult<Value> {
    let labels = [("a", 1), ("a", 2), ("b", 3)]
        .map(|(label, weight)| (tags::post_id.eq(1), tags::label.eq(label), tags::weight.eq(weight)));
    let count = insert_into(tags::table)
        .values(labels.to_vec())
        .on_conflict((tags::post_id, tags::label))
        .do_update()
        .set(tags::weight.eq(excluded(tags::weight)))
        .execute(conn)?;
    Ok(json!([count, tags::table.order(tags::label).load::<Tag>(conn)?]))
}

fn another_target_fails(conn: &mut Conn) -> QueryResult<Value> {
    ada(conn)?;
    let new = (users::id.eq(2), users::name.eq("Bob"), users::email.eq("ada@example.org"));
    let failed = insert_into(users::table).values(new).on_conflict(users::id).do_nothing().execute(conn);
    let no_such_target =
        insert_into(users::table).values(new).on_conflict(users::name).do_nothing().execute(conn);
    Ok(json!([seen(failed), seen(no_such_target), rows(conn)?]))
}
