//! Types that Diesel or the application puts on top of the storage classes.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use diesel::dsl::insert_into;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde::Serialize;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::custom::{Cents, Color, Unwritable};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::storage;

super::cases!("column_types":
    dates_and_times, date_edges, dates_that_are_none, json_documents, json_that_is_none,
    enum_as_text, newtype_as_integer, struct_of_custom_types, value_that_cannot_be_written,
    into_another_type,
);

fn moment(year: i32, micro: u32) -> NaiveDateTime {
    let day = NaiveDate::from_ymd_opt(year, 2, 28).expect("a day of every year");
    day.and_hms_micro_opt(23, 59, 58, micro).expect("a time of every day")
}

fn dates_and_times(conn: &mut Conn) -> QueryResult<Value> {
    let (day, clock) = (moment(2024, 0).date(), moment(2024, 123_456).time());
    insert_into(storage::table)
        .values((
            storage::id.eq(1),
            storage::day.eq(day),
            storage::clock.eq(clock),
            storage::moment.eq(moment(2024, 500_000)),
        ))
        .execute(conn)?;
    let row: (Option<NaiveDate>, Option<NaiveTime>, Option<NaiveDateTime>) =
        storage::table.select((storage::day, storage::clock, storage::moment)).first(conn)?;
    let raw: Vec<String> =
        storage::table.select(diesel::dsl::sql::<Text>("day || '|' || clock || '|' || moment")).load(conn)?;
    let found: i64 = storage::table.filter(storage::moment.lt(moment(2025, 0))).count().get_result(conn)?;
    Ok(json!([row, raw, found]))
}

fn date_edges(conn: &mut Conn) -> QueryResult<Value> {
    for (id, year) in [(1, 1), (2, 1969), (3, 9999)] {
        insert_into(storage::table)
            .values((storage::id.eq(id), storage::moment.eq(moment(year, 999_999))))
            .execute(conn)?;
    }
    diesel::sql_query(
        "INSERT INTO case_values (id, moment) VALUES (4, '2024-02-28T01:02:03Z'), (5, 2459000.5)",
    )
    .execute(conn)?;
    let stored: Vec<Option<NaiveDateTime>> =
        storage::table.select(storage::moment).order(storage::id).load(conn)?;
    Ok(shown(stored))
}

fn dates_that_are_none(conn: &mut Conn) -> QueryResult<Value> {
    diesel::sql_query(
        "INSERT INTO case_values (id, day, clock, moment) VALUES (1, '2023-02-29', '25:00', 'now and then')",
    )
    .execute(conn)?;
    Ok(json!([
        seen(storage::table.select(storage::day).first::<Option<NaiveDate>>(conn)),
        seen(storage::table.select(storage::clock).first::<Option<NaiveTime>>(conn)),
        seen(storage::table.select(storage::moment).first::<Option<NaiveDateTime>>(conn)),
    ]))
}

fn json_documents(conn: &mut Conn) -> QueryResult<Value> {
    let document = json!({ "list": [1, 2.5, null, "ž"], "nested": { "yes": true } });
    insert_into(storage::table).values((storage::id.eq(1), storage::document.eq(&document))).execute(conn)?;
    let back: Option<Value> = storage::table.select(storage::document).first(conn)?;
    let inside: Option<i64> = storage::table
        .select(diesel::dsl::sql::<diesel::sql_types::Nullable<BigInt>>("document ->> '$.list[0]'"))
        .first(conn)?;
    Ok(json!([back, back.as_ref() == Some(&document), inside]))
}

fn json_that_is_none(conn: &mut Conn) -> QueryResult<Value> {
    diesel::sql_query("INSERT INTO case_values (id, document) VALUES (1, '{broken')").execute(conn)?;
    Ok(seen(storage::table.select(storage::document).first::<Option<Value>>(conn)))
}

fn enum_as_text(conn: &mut Conn) -> QueryResult<Value> {
    for (id, color) in [(1, Color::Red), (2, Color::Green)] {
        insert_into(storage::table).values((storage::id.eq(id), storage::text.eq(color))).execute(conn)?;
    }
    let colors: Vec<Option<Color>> = storage::table.select(storage::text).order(storage::id).load(conn)?;
    let green: i64 =
        storage::table.filter(storage::text.assume_not_null().eq(Color::Green)).count().get_result(conn)?;
    diesel::sql_query("UPDATE case_values SET text = 'blue' WHERE id = 2").execute(conn)?;
    let unknown = storage::table.select(storage::text).order(storage::id).load::<Option<Color>>(conn);
    Ok(json!([colors, green, seen(unknown)]))
}

fn newtype_as_integer(conn: &mut Conn) -> QueryResult<Value> {
    let returned: Option<Cents> = insert_into(storage::table)
        .values((storage::id.eq(1), storage::big.eq(Some(Cents(-1_999)))))
        .returning(storage::big)
        .get_result(conn)?;
    let doubled: Option<Cents> = storage::table.select(storage::big * 2_i64).first(conn)?;
    Ok(json!([returned, doubled]))
}

#[derive(Debug, Serialize, Queryable, Selectable, Insertable, Identifiable, AsChangeset, QueryableByName)]
#[diesel(table_name = storage, check_for_backend(diesel::sqlite::Sqlite))]
struct Offer {
    id: i32,
    #[diesel(column_name = text)]
    color: Option<Color>,
    #[diesel(column_name = big)]
    price: Option<Cents>,
    /// Stored as an integer, seen as a text of the application.
    #[diesel(deserialize_as = Option<i32>, serialize_as = Option<i32>)]
    whole: Stars,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Stars {
    None,
    Some(i32),
}

impl From<Option<i32>> for Stars {
    fn from(stars: Option<i32>) -> Self {
        stars.map_or(Self::None, Self::Some)
    }
}

impl From<Stars> for Option<i32> {
    fn from(stars: Stars) -> Self {
        match stars {
            Stars::None => None,
            Stars::Some(stars) => Some(stars),
        }
    }
}

fn struct_of_custom_types(conn: &mut Conn) -> QueryResult<Value> {
    let offer = |id, whole| Offer { id, color: Some(Color::Red), price: Some(Cents(5)), whole };
    insert_into(storage::table).values(offer(1, Stars::Some(4))).execute(conn)?;
    let returned: Offer = insert_into(storage::table)
        .values(offer(2, Stars::None))
        .returning(Offer::as_returning())
        .get_result(conn)?;
    diesel::update(storage::table.find(1))
        .set(Offer { id: 1, color: Some(Color::Green), price: None, whole: Stars::Some(5) })
        .execute(conn)?;
    let all = storage::table.select(Offer::as_select()).order(storage::id).load(conn)?;
    let by_name: Vec<Offer> =
        diesel::sql_query("SELECT id, text, big, whole FROM case_values ORDER BY id DESC").load(conn)?;
    Ok(json!([returned, all, by_name]))
}

fn value_that_cannot_be_written(conn: &mut Conn) -> QueryResult<Value> {
    let write =
        insert_into(storage::table).values((storage::id.eq(1), storage::text.eq(Unwritable))).execute(conn);
    let read =
        storage::table.filter(storage::text.assume_not_null().eq(Unwritable)).count().get_result::<i64>(conn);
    Ok(json!([seen(write), seen(read), storage::table.count().get_result::<i64>(conn)?]))
}

fn into_another_type(conn: &mut Conn) -> QueryResult<Value> {
    use std::borrow::Cow;
    insert_into(storage::table)
        .values((storage::id.eq(1), storage::text.eq(Cow::Borrowed("borrowed"))))
        .execute(conn)?;
    let boxed: Option<Cow<'static, str>> = storage::table.select(storage::text).first(conn)?;
    Ok(shown(boxed))
}
