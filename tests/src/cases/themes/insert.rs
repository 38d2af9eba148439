//! INSERT in all its forms, without RETURNING.

use diesel::dsl::{insert_into, insert_or_ignore_into, replace_into, sql};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{NewUser, Tag, User};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{posts, tags, users};

super::cases!("insert":
    one_tuple, one_struct, one_column, borrowed_values, batch_in_one_statement, batch_row_by_row,
    batch_of_an_array, batch_of_tuples, batch_of_nothing, batch_beyond_one_group, default_values,
    from_select, from_select_of_nothing, expressions_as_values, subquery_as_value,
    batch_in_one_statement_that_fails, batch_row_by_row_that_fails, or_ignore, replace,
    replace_a_batch, optional_columns_of_a_tuple, after_a_failed_insert,
);

fn rows(conn: &mut Conn) -> QueryResult<Value> {
    Ok(shown(users::table.order(users::id).load::<User>(conn)?))
}

fn one_tuple(conn: &mut Conn) -> QueryResult<Value> {
    let count = insert_into(users::table)
        .values((users::id.eq(1), users::name.eq("Ada"), users::email.eq("ada@example.org")))
        .execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn one_struct(conn: &mut Conn) -> QueryResult<Value> {
    let ada = NewUser { id: 7, name: "Ada", email: None, age: Some(36) };
    let count = insert_into(users::table).values(&ada).execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn one_column(conn: &mut Conn) -> QueryResult<Value> {
    let counts = [
        insert_into(users::table).values(users::name.eq("first")).execute(conn)?,
        insert_into(users::table).values(users::name.eq("second")).execute(conn)?,
    ];
    Ok(json!([counts, rows(conn)?]))
}

fn borrowed_values(conn: &mut Conn) -> QueryResult<Value> {
    let (name, email) = (String::from("Ada Lovelace"), String::from("ada@example.org"));
    let (first, _) = name.split_at(3);
    insert_into(users::table)
        .values((users::id.eq(&1), users::name.eq(first), users::email.eq(Some(&email))))
        .execute(conn)?;
    drop((name, email));
    rows(conn)
}

fn batch_in_one_statement(conn: &mut Conn) -> QueryResult<Value> {
    let new = vec![Tag::new(1, "a", 1), Tag::new(1, "b", 2), Tag::new(2, "a", 3)];
    let count = insert_into(tags::table).values(&new).execute(conn)?;
    Ok(json!([count, tags::table.order((tags::post_id, tags::label)).load::<Tag>(conn)?]))
}

fn batch_row_by_row(conn: &mut Conn) -> QueryResult<Value> {
    let new = vec![
        NewUser { id: 1, name: "Ada", email: Some("ada@example.org"), age: None },
        NewUser { id: 2, name: "Bob", email: None, age: Some(40) },
        NewUser { id: 3, name: "Cy", email: None, age: None },
    ];
    let count = insert_into(users::table).values(&new).execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn batch_of_an_array(conn: &mut Conn) -> QueryResult<Value> {
    let new = [Tag::new(1, "x", 1), Tag::new(1, "y", 2)];
    let counts = [
        insert_into(tags::table).values(&new).execute(conn)?,
        insert_into(tags::table).values([Tag::new(2, "z", 3)].to_vec()).execute(conn)?,
        insert_into(tags::table).values(&[Tag::new(3, "z", 3), Tag::new(3, "w", 4)][..]).execute(conn)?,
    ];
    Ok(json!([counts, tags::table.order((tags::post_id, tags::label)).load::<Tag>(conn)?]))
}

fn batch_of_tuples(conn: &mut Conn) -> QueryResult<Value> {
    let count = insert_into(tags::table)
        .values(vec![
            (tags::post_id.eq(1), tags::label.eq("one"), tags::weight.eq(10)),
            (tags::post_id.eq(2), tags::label.eq("two"), tags::weight.eq(20)),
        ])
        .execute(conn)?;
    Ok(json!([count, tags::table.order(tags::post_id).load::<Tag>(conn)?]))
}

fn batch_of_nothing(conn: &mut Conn) -> QueryResult<Value> {
    let one_statement = insert_into(tags::table).values(&Vec::<Tag>::new()).execute(conn);
    let row_by_row = insert_into(users::table).values(&Vec::<NewUser<'_>>::new()).execute(conn);
    Ok(json!([seen(one_statement), seen(row_by_row), rows(conn)?]))
}

fn batch_beyond_one_group(conn: &mut Conn) -> QueryResult<Value> {
    let names: Vec<String> = (0..100).map(|number| format!("user {number}")).collect();
    let new: Vec<NewUser<'_>> =
        (1..).zip(&names).map(|(id, name)| NewUser { id, name, email: None, age: None }).collect();
    let row_by_row = insert_into(users::table).values(&new).execute(conn)?;
    let many: Vec<Tag> = (0..3_000).map(|number| Tag::new(number, "many", number * 2)).collect();
    let one_statement = insert_into(tags::table).values(&many).execute(conn)?;
    let sum: Option<i64> = tags::table.select(diesel::dsl::sum(tags::weight)).first(conn)?;
    let last: User = users::table.order(users::id.desc()).first(conn)?;
    Ok(json!([row_by_row, one_statement, sum, last]))
}

fn default_values(conn: &mut Conn) -> QueryResult<Value> {
    diesel::sql_query("CREATE TABLE case_defaults (id INTEGER PRIMARY KEY, word TEXT DEFAULT 'none')")
        .execute(conn)?;
    diesel::table! {
        #[sql_name = "case_defaults"]
        defaults { id -> Integer, word -> Text, }
    }
    let counts = [
        insert_into(defaults::table).default_values().execute(conn)?,
        insert_into(defaults::table).default_values().execute(conn)?,
    ];
    Ok(json!([counts, defaults::table.order(defaults::id).load::<(i32, String)>(conn)?]))
}

fn three_users(conn: &mut Conn) -> QueryResult<()> {
    let new: Vec<_> = [(1, "Ada"), (2, "Bob"), (3, "Cy")]
        .map(|(id, name)| (users::id.eq(id), users::name.eq(name), users::age.eq(id * 10)))
        .into();
    insert_into(users::table).values(new).execute(conn)?;
    Ok(())
}

fn from_select(conn: &mut Conn) -> QueryResult<Value> {
    three_users(conn)?;
    let source = users::table.filter(users::age.ge(20)).select((
        users::id,
        users::name.concat("'s post"),
        users::age.gt(25),
    ));
    let count = insert_into(posts::table)
        .values(source)
        .into_columns((posts::user_id, posts::title, posts::published))
        .execute(conn)?;
    let stored = posts::table
        .order(posts::user_id)
        .select((posts::user_id, posts::title, posts::published))
        .load::<(i32, String, bool)>(conn)?;
    Ok(json!([count, stored]))
}

fn from_select_of_nothing(conn: &mut Conn) -> QueryResult<Value> {
    let source = users::table.filter(users::id.eq(99)).select((users::id, users::name));
    let count = insert_into(posts::table)
        .values(source)
        .into_columns((posts::user_id, posts::title))
        .execute(conn)?;
    Ok(json!([count, posts::table.count().get_result::<i64>(conn)?]))
}

fn expressions_as_values(conn: &mut Conn) -> QueryResult<Value> {
    insert_into(users::table)
        .values((
            users::id.eq(sql::<Integer>("40 + 2")),
            users::name.eq(sql::<Text>("upper(").bind::<Text, _>("ada").sql(")")),
            users::age.eq(sql::<Integer>("abs(-7)")),
        ))
        .execute(conn)?;
    rows(conn)
}

fn subquery_as_value(conn: &mut Conn) -> QueryResult<Value> {
    three_users(conn)?;
    let oldest = users::table.order(users::age.desc()).select(users::id).limit(1).single_value();
    insert_into(posts::table)
        .values((posts::user_id.eq(oldest.assume_not_null()), posts::title.eq("by the oldest")))
        .execute(conn)?;
    Ok(shown(posts::table.select((posts::user_id, posts::title)).load::<(i32, String)>(conn)?))
}

fn batch_in_one_statement_that_fails(conn: &mut Conn) -> QueryResult<Value> {
    let new = vec![Tag::new(1, "a", 1), Tag::new(1, "b", 2), Tag::new(1, "a", 3)];
    let failed = insert_into(tags::table).values(&new).execute(conn);
    Ok(json!([seen(failed), tags::table.load::<Tag>(conn)?]))
}

fn batch_row_by_row_that_fails(conn: &mut Conn) -> QueryResult<Value> {
    let new = vec![
        NewUser { id: 1, name: "Ada", email: Some("same@example.org"), age: None },
        NewUser { id: 2, name: "Bob", email: Some("same@example.org"), age: None },
        NewUser { id: 3, name: "Cy", email: None, age: None },
    ];
    let failed = insert_into(users::table).values(&new).execute(conn);
    let afterwards = insert_into(users::table).values(&new[1..]).execute(conn);
    Ok(json!([seen(failed), seen(afterwards), rows(conn)?]))
}

fn or_ignore(conn: &mut Conn) -> QueryResult<Value> {
    three_users(conn)?;
    let counts = [
        insert_or_ignore_into(users::table)
            .values((users::id.eq(1), users::name.eq("ignored")))
            .execute(conn)?,
        insert_or_ignore_into(users::table).values((users::id.eq(4), users::name.eq("Di"))).execute(conn)?,
    ];
    Ok(json!([counts, rows(conn)?]))
}

fn replace(conn: &mut Conn) -> QueryResult<Value> {
    three_users(conn)?;
    let ada = NewUser { id: 1, name: "Ada II", email: Some("ada@example.org"), age: None };
    let count = replace_into(users::table).values(&ada).execute(conn)?;
    Ok(json!([count, rows(conn)?]))
}

fn replace_a_batch(conn: &mut Conn) -> QueryResult<Value> {
    insert_into(tags::table).values(&vec![Tag::new(1, "a", 1), Tag::new(1, "b", 2)]).execute(conn)?;
    let count =
        replace_into(tags::table).values(&vec![Tag::new(1, "b", 20), Tag::new(1, "c", 30)]).execute(conn)?;
    Ok(json!([count, tags::table.order(tags::label).load::<Tag>(conn)?]))
}

fn optional_columns_of_a_tuple(conn: &mut Conn) -> QueryResult<Value> {
    let age: Option<i32> = None;
    insert_into(users::table)
        .values((
            users::id.eq(1),
            users::name.eq("Ada"),
            age.map(|age| users::age.eq(age)),
            users::email.eq(None::<String>),
        ))
        .execute(conn)?;
    rows(conn)
}

fn after_a_failed_insert(conn: &mut Conn) -> QueryResult<Value> {
    three_users(conn)?;
    let failed = insert_into(users::table).values((users::id.eq(1), users::name.eq("twice"))).execute(conn);
    let next = insert_into(users::table).values((users::id.eq(4), users::name.eq("Di"))).execute(conn);
    Ok(json!([seen(failed), seen(next), rows(conn)?]))
}
