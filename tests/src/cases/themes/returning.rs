//! RETURNING: a write that gives rows back.

use diesel::dsl::{insert_into, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{Named, NewUser, Number, Tag, User};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{tags, users};

super::cases!("returning":
    insert_as_struct, insert_as_columns, insert_computed, insert_default_values_of_columns,
    update_as_structs, update_one, update_nothing, get_result_of_many, delete_as_rows,
    insert_from_select_as_rows, twenty_thousand_rows, fails_at_a_later_row, by_name, unread_rows,
    not_the_type_that_was_asked_for, in_a_transaction, insert_with_on_conflict,
);

fn two_users(conn: &mut Conn) -> QueryResult<()> {
    insert_into(users::table)
        .values(vec![(users::id.eq(1), users::name.eq("Ada")), (users::id.eq(2), users::name.eq("Bob"))])
        .execute(conn)?;
    Ok(())
}

fn insert_as_struct(conn: &mut Conn) -> QueryResult<Value> {
    let ada = NewUser { id: 1, name: "Ada", email: None, age: None };
    let by_default: User = insert_into(users::table).values(&ada).get_result(conn)?;
    let bob = NewUser { id: 2, name: "Bob", email: Some("bob@example.org"), age: Some(1) };
    let by_as_returning =
        insert_into(users::table).values(&bob).returning(User::as_returning()).get_result(conn)?;
    Ok(json!([by_default, by_as_returning]))
}

fn insert_as_columns(conn: &mut Conn) -> QueryResult<Value> {
    let new = (users::name.eq("Ada"), users::age.eq(36));
    let id: i32 = insert_into(users::table).values(new).returning(users::id).get_result(conn)?;
    let pair: (String, Option<String>) = insert_into(users::table)
        .values(users::name.eq("Bob"))
        .returning((users::name, users::email))
        .get_result(conn)?;
    let nested: ((i32, i32), String) = insert_into(users::table)
        .values(users::name.eq("Cy"))
        .returning(((users::id, users::age), users::city))
        .get_result(conn)?;
    Ok(json!([id, pair, nested]))
}

fn insert_computed(conn: &mut Conn) -> QueryResult<Value> {
    let seen: (i32, String, bool, i64) = insert_into(users::table)
        .values((users::id.eq(5), users::name.eq("Ada"), users::age.eq(36)))
        .returning((
            users::age + 1,
            users::name.concat("!"),
            sql::<Bool>("age > 30"),
            sql::<BigInt>("length(name) * 1000000000000"),
        ))
        .get_result(conn)?;
    Ok(shown(seen))
}

fn insert_default_values_of_columns(conn: &mut Conn) -> QueryResult<Value> {
    let seen: (i32, String) = insert_into(users::table)
        .values(users::name.eq("Ada"))
        .returning((users::age, users::city))
        .get_result(conn)?;
    Ok(shown(seen))
}

fn update_as_structs(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let mut changed: Vec<User> =
        diesel::update(users::table).set(users::age.eq(users::age + users::id)).get_results(conn)?;
    changed.sort_by_key(|user| user.id);
    Ok(shown(changed))
}

fn update_one(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let age: i32 =
        diesel::update(users::table.find(2)).set(users::age.eq(99)).returning(users::age).get_result(conn)?;
    Ok(json!([age, users::table.order(users::id).load::<User>(conn)?]))
}

fn update_nothing(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let one = diesel::update(users::table.find(9)).set(users::age.eq(1)).get_result::<User>(conn);
    let optional =
        diesel::update(users::table.find(9)).set(users::age.eq(1)).get_result::<User>(conn).optional();
    let many = diesel::update(users::table.find(9)).set(users::age.eq(1)).get_results::<User>(conn);
    Ok(json!([seen(one), seen(optional), seen(many)]))
}

fn get_result_of_many(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    // Only the first row is read; the statement changes all of them before it gives that.
    let city: String =
        diesel::update(users::table).set(users::city.eq("Rome")).returning(users::city).get_result(conn)?;
    let changed = users::table.filter(users::city.eq("Rome")).count().get_result::<i64>(conn)?;
    Ok(json!([city, changed]))
}

fn delete_as_rows(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let gone: (i32, String) =
        diesel::delete(users::table.find(1)).returning((users::id, users::name)).get_result(conn)?;
    let rest: Vec<User> = diesel::delete(users::table).get_results(conn)?;
    Ok(json!([gone, rest, users::table.count().get_result::<i64>(conn)?]))
}

fn insert_from_select_as_rows(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let mut labels: Vec<(i32, String)> = insert_into(tags::table)
        .values(users::table.select((users::id, users::name, users::age)))
        .into_columns((tags::post_id, tags::label, tags::weight))
        .returning((tags::post_id, tags::label))
        .get_results(conn)?;
    labels.sort();
    Ok(shown(labels))
}

fn twenty_thousand_rows(conn: &mut Conn) -> QueryResult<Value> {
    let rows: Vec<Named> = diesel::sql_query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         INSERT INTO case_tags (post_id, label, weight) SELECT i, 'row ' || i, i * 3 FROM n \
         RETURNING label AS name, weight AS number",
    )
    .load(conn)?;
    let sum: i64 = rows.iter().map(|row| row.number).sum();
    let letters: usize = rows.iter().map(|row| row.name.len()).sum();
    let stored: i64 = tags::table.count().get_result(conn)?;
    Ok(json!([rows.len(), sum, letters, rows.first(), rows.last(), stored]))
}

fn fails_at_a_later_row(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    // Users with the same age break the key of tags at the second row.
    let failed = insert_into(tags::table)
        .values(users::table.select((users::age, users::city, users::id)))
        .into_columns((tags::post_id, tags::label, tags::weight))
        .get_results::<Tag>(conn);
    Ok(json!([seen(failed), tags::table.load::<Tag>(conn)?]))
}

fn by_name(conn: &mut Conn) -> QueryResult<Value> {
    let rows: Vec<Named> = diesel::sql_query(
        "INSERT INTO case_users (id, name) VALUES (?, ?), (?, ?) RETURNING id * 10 AS number, name",
    )
    .bind::<BigInt, _>(1)
    .bind::<Text, _>("Ada")
    .bind::<BigInt, _>(2)
    .bind::<Text, _>("Bob")
    .load(conn)?;
    let deleted: Option<Number> =
        diesel::sql_query("DELETE FROM case_users WHERE id = 2 RETURNING id AS number")
            .get_result(conn)
            .optional()?;
    Ok(json!([rows, deleted]))
}

fn unread_rows(conn: &mut Conn) -> QueryResult<Value> {
    let executed = diesel::sql_query("INSERT INTO case_users (id, name) VALUES (1, 'Ada') RETURNING id")
        .execute(conn)?;
    let first = {
        let mut rows = diesel::update(users::table)
            .set(users::age.eq(20))
            .returning(users::age)
            .load_iter::<i32, diesel::connection::DefaultLoadingMode>(conn)?;
        rows.next().transpose()?
    };
    Ok(json!([executed, first, users::table.load::<User>(conn)?]))
}

fn not_the_type_that_was_asked_for(conn: &mut Conn) -> QueryResult<Value> {
    let failed = insert_into(users::table)
        .values((users::id.eq(1), users::name.eq("Ada")))
        .returning(sql::<Text>("NULL"))
        .get_result::<String>(conn);
    // The row is stored all the same: Diesel found out after the statement had run.
    Ok(json!([seen(failed), users::table.count().get_result::<i64>(conn)?]))
}

fn in_a_transaction(conn: &mut Conn) -> QueryResult<Value> {
    let ids = conn.transaction(|conn| {
        let first: i32 =
            insert_into(users::table).values(users::name.eq("Ada")).returning(users::id).get_result(conn)?;
        let second: i32 = insert_into(users::table)
            .values((users::name.eq("Bob"), users::age.eq(first)))
            .returning(users::id)
            .get_result(conn)?;
        QueryResult::Ok([first, second])
    })?;
    Ok(json!([ids, users::table.order(users::id).load::<User>(conn)?]))
}

fn insert_with_on_conflict(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let row: User = insert_into(users::table)
        .values((users::id.eq(1), users::name.eq("Ada II")))
        .on_conflict(users::id)
        .do_update()
        .set(users::age.eq(users::age + 1))
        .get_result(conn)?;
    let none = insert_into(users::table)
        .values((users::id.eq(1), users::name.eq("Ada III")))
        .on_conflict_do_nothing()
        .get_result::<User>(conn)
        .optional();
    Ok(json!([row, seen(none)]))
}
