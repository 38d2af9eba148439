//! UPDATE: `set`, changesets, `save_changes`.

use diesel::dsl::{case_when, insert_into};
use diesel::prelude::*;
use diesel::sql_types::Integer;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{NewUser, Post, Tag, User, UserChange, UserContact};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{posts, tags, users};

super::cases!("update":
    set_columns, set_by_expression, set_by_subquery, by_filter_and_count, changeset_leaves_none,
    changeset_sets_null, changeset_of_nothing, changeset_that_treats_none_as_null,
    optional_tuple_fields, whole_row_as_changeset, save_changes, save_changes_of_nobody,
    save_changes_of_a_composite_key, same_column_from_case_when,
);

fn two_users(conn: &mut Conn) -> QueryResult<()> {
    let new = vec![
        NewUser { id: 1, name: "Ada", email: Some("ada@example.org"), age: Some(36) },
        NewUser { id: 2, name: "Bob", email: None, age: Some(40) },
    ];
    insert_into(users::table).values(&new).execute(conn)?;
    Ok(())
}

fn rows(conn: &mut Conn) -> QueryResult<Value> {
    Ok(shown(users::table.order(users::id).load::<User>(conn)?))
}

fn set_columns(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let count = diesel::update(users::table.find(1))
        .set((users::name.eq("Ada L."), users::email.eq(None::<String>), users::age.eq(37)))
        .execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn set_by_expression(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let count = diesel::update(users::table)
        .set((users::age.eq(users::age * 2 - 1), users::name.eq(users::name.concat(users::city))))
        .execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn set_by_subquery(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    insert_into(posts::table)
        .values(vec![(posts::id.eq(1), posts::user_id.eq(1), posts::title.eq("one"))])
        .execute(conn)?;
    let oldest = users::table.select(diesel::dsl::max(users::age)).single_value();
    diesel::update(posts::table).set(posts::user_id.eq(oldest.assume_not_null() - 38)).execute(conn)?;
    Ok(shown(posts::table.load::<Post>(conn)?))
}

fn by_filter_and_count(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let counts = [
        diesel::update(users::table.filter(users::age.gt(100))).set(users::age.eq(1)).execute(conn)?,
        diesel::update(users::table.filter(users::email.is_null())).set(users::age.eq(1)).execute(conn)?,
        diesel::update(users::table)
            .filter(users::name.like("%a"))
            .filter(users::age.ne(1))
            .set(users::age.eq(2))
            .execute(conn)?,
        diesel::update(users::table).set(users::city.eq("Rome")).execute(conn)?,
    ];
    Ok(json!([counts, rows(conn)?]))
}

fn changeset_leaves_none(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let change = UserChange { age: Some(37), ..UserChange::default() };
    let count = diesel::update(users::table.find(1)).set(&change).execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn changeset_sets_null(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let change = UserChange { email: Some(None), name: Some("Ada L."), ..UserChange::default() };
    diesel::update(users::table.find(1)).set(change).execute(conn)?;
    rows(conn)
}

fn changeset_of_nothing(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let refused = diesel::update(users::table.find(1)).set(&UserChange::default()).execute(conn);
    let optional = diesel::update(users::table.find(1))
        .set(&UserChange::default())
        .execute(conn)
        .optional_empty_changeset();
    Ok(json!([seen(refused), seen(optional), rows(conn)?]))
}

fn changeset_that_treats_none_as_null(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    diesel::update(users::table.find(1)).set(&UserContact { email: None }).execute(conn)?;
    let bob = UserContact { email: Some("bob@example.org".into()) };
    diesel::update(users::table.find(2)).set(&bob).execute(conn)?;
    rows(conn)
}

fn optional_tuple_fields(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let (name, age): (Option<&str>, Option<i32>) = (None, Some(50));
    diesel::update(users::table.find(2))
        .set((name.map(|name| users::name.eq(name)), age.map(|age| users::age.eq(age))))
        .execute(conn)?;
    rows(conn)
}

fn whole_row_as_changeset(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let mut ada: User = users::table.find(1).first(conn)?;
    ada.city = "London".into();
    let count = diesel::update(&ada).set(&ada).execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn save_changes(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let mut ada: User = users::table.find(1).first(conn)?;
    ada.age += 1;
    ada.name.push_str(" L.");
    let saved: User = ada.save_changes(conn)?;
    Ok(json!([saved, rows(conn)?]))
}

fn save_changes_of_nobody(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let nobody = User { id: 9, name: "nobody".into(), email: None, age: 1, city: "nowhere".into() };
    Ok(json!([seen(nobody.save_changes::<User>(conn)), rows(conn)?]))
}

fn save_changes_of_a_composite_key(conn: &mut Conn) -> QueryResult<Value> {
    insert_into(tags::table).values(&vec![Tag::new(1, "a", 1), Tag::new(1, "b", 2)]).execute(conn)?;
    let saved: Tag = Tag::new(1, "b", 20).save_changes(conn)?;
    Ok(json!([saved, tags::table.order(tags::label).load::<Tag>(conn)?]))
}

fn same_column_from_case_when(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let age = case_when(users::age.lt(40), 0.into_sql::<Integer>()).when(users::age.eq(40), 1).otherwise(2);
    diesel::update(users::table).set(users::age.eq(age)).execute(conn)?;
    rows(conn)
}
