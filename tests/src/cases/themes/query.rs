//! SELECT on one table.

use diesel::connection::DefaultLoadingMode;
use diesel::dsl::{avg, case_when, count, count_star, exists, max, min, not, sql, sum};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};
use diesel::sqlite::Sqlite;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{Tag, User};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{tags, users};

super::cases!("query":
    load_structs, load_columns, first_and_not_found, optional, get_result_and_get_results,
    iterate_whole, iterate_in_part, iterate_until_an_error, nothing_found, comparisons, patterns,
    null_tests, and_or_not, order_limit_offset, group_by_having, distinct, aggregates,
    aggregates_of_nothing, exists_and_not_exists, subquery_in, case_expression, sql_fragments,
    boxed, boxed_again_and_again, find_by_composite_key, arithmetic, collations, literals_without_a_table,
    union_of_two,
);

fn five_users(conn: &mut Conn) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO case_users (id, name, email, age, city) VALUES
         (1, 'Ada', 'ada@example.org', 36, 'London'), (2, 'Bob', NULL, 40, 'Paris'),
         (3, 'Cy', 'cy@example.org', 5, 'Paris'), (4, 'Di', NULL, 36, 'Rome'),
         (5, 'eve', 'eve_1@example.org', 70, 'London')",
    )
    .execute(conn)?;
    Ok(())
}

fn load_structs(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let by_position: Vec<User> = users::table.order(users::id).load(conn)?;
    let by_select = users::table.order(users::id.desc()).select(User::as_select()).load(conn)?;
    Ok(json!([by_position, by_select]))
}

fn load_columns(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let names: Vec<String> = users::table.select(users::name).order(users::id).load(conn)?;
    let pairs: Vec<(i32, Option<String>)> =
        users::table.select((users::id, users::email)).order(users::id).load(conn)?;
    let mixed: Vec<(String, User)> =
        users::table.select((users::city, User::as_select())).order(users::id).limit(2).load(conn)?;
    Ok(json!([names, pairs, mixed]))
}

fn first_and_not_found(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let first: User = users::table.order(users::age).first(conn)?;
    let none = users::table.find(99).first::<User>(conn);
    Ok(json!([first, seen(none)]))
}

fn optional(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let some = users::table.find(1).first::<User>(conn).optional();
    let none = users::table.find(99).first::<User>(conn).optional();
    let error = diesel::sql_query("SELECT * FROM case_nowhere").get_result::<User>(conn).optional();
    Ok(json!([seen(some), seen(none), seen(error)]))
}

fn get_result_and_get_results(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let one: (i32, String) = users::table.select((users::id, users::name)).find(3).get_result(conn)?;
    let first_of_many: i32 = users::table.select(users::id).order(users::id.desc()).get_result(conn)?;
    let many: Vec<i32> = users::table.select(users::id).order(users::id).get_results(conn)?;
    Ok(json!([one, first_of_many, many]))
}

fn iterate_whole(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let mut ages = Vec::new();
    for row in users::table.order(users::id).load_iter::<User, DefaultLoadingMode>(conn)? {
        ages.push(row?.age);
    }
    Ok(shown(ages))
}

fn iterate_in_part(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let two: Vec<User> = {
        let rows = users::table.order(users::id).load_iter::<User, DefaultLoadingMode>(conn)?;
        rows.take(2).collect::<QueryResult<_>>()?
    };
    // The cursor is closed: a write goes on.
    let written = diesel::update(users::table).set(users::age.eq(1)).execute(conn)?;
    Ok(json!([two, written]))
}

fn iterate_until_an_error(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    // abs() of the smallest integer overflows, at the third row only.
    let query = "SELECT abs(CASE id WHEN 3 THEN -9223372036854775808 ELSE -id END) AS number \
                 FROM case_users ORDER BY id";
    let rows: Vec<Value> = diesel::sql_query(query)
        .load_iter::<crate::cases::models::Number, DefaultLoadingMode>(conn)?
        .map(seen)
        .take(3)
        .collect();
    let next = users::table.count().get_result::<i64>(conn)?;
    Ok(json!([rows, next]))
}

fn nothing_found(conn: &mut Conn) -> QueryResult<Value> {
    let rows: Vec<User> = users::table.load(conn)?;
    let iterated = users::table.load_iter::<User, DefaultLoadingMode>(conn)?.count();
    Ok(json!([rows, iterated]))
}

/// Ids of the users that a predicate selects.
macro_rules! ids {
    ($conn:expr, $predicate:expr) => {
        users::table.filter($predicate).select(users::id).order(users::id).load::<i32>($conn)?
    };
}

fn comparisons(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    Ok(json!([
        ids!(conn, users::age.gt(36)),
        ids!(conn, users::age.le(36)),
        ids!(conn, users::age.ne(36)),
        ids!(conn, users::age.between(5, 39)),
        ids!(conn, users::age.eq_any([5, 70])),
        ids!(conn, users::age.eq_any(Vec::<i32>::new())),
        ids!(conn, users::age.ne_all(vec![5, 70])),
        ids!(conn, users::age.eq(users::id * 9)),
        ids!(conn, users::name.lt("Cz")),
        ids!(conn, users::email.is(None::<String>)),
        ids!(conn, users::email.is_not(Some("ada@example.org"))),
    ]))
}

fn patterns(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    Ok(json!([
        ids!(conn, users::name.like("%d%")),
        ids!(conn, users::name.not_like("A%")),
        ids!(conn, users::email.like("%!_1%").escape('!')),
        ids!(conn, sql::<Bool>("name GLOB ").bind::<Text, _>("[A-C]*")),
    ]))
}

fn null_tests(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    Ok(json!([
        ids!(conn, users::email.is_null()),
        ids!(conn, users::email.is_not_null()),
        ids!(conn, users::email.eq(None::<String>)),
        ids!(conn, users::email.nullable().eq(Some("cy@example.org"))),
        ids!(conn, users::email.assume_not_null().eq("cy@example.org")),
    ]))
}

fn and_or_not(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    Ok(json!([
        ids!(conn, users::city.eq("Paris").and(users::age.gt(10))),
        ids!(conn, users::city.eq("Paris").or(users::age.gt(60)).and(users::email.is_not_null())),
        ids!(conn, not(users::city.eq("Paris").or(users::city.eq("Rome")))),
        users::table
            .filter(users::city.eq("Rome"))
            .or_filter(users::age.eq(5))
            .select(users::id)
            .order(users::id)
            .load::<i32>(conn)?,
    ]))
}

fn order_limit_offset(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let id = users::table.select(users::id);
    Ok(json!([
        id.order((users::age.desc(), users::name.asc())).load::<i32>(conn)?,
        id.order(users::city).then_order_by(users::id.desc()).load::<i32>(conn)?,
        id.order(users::id).limit(2).load::<i32>(conn)?,
        id.order(users::id).limit(2).offset(3).load::<i32>(conn)?,
        id.order(users::id).offset(3).load::<i32>(conn)?,
        id.order(users::id).limit(0).load::<i32>(conn)?,
        id.order(users::id).limit(-1).load::<i32>(conn)?,
        id.order((users::email.is_null(), users::email)).load::<i32>(conn)?,
    ]))
}

fn group_by_having(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let cities: Vec<(String, i64, Option<i32>)> = users::table
        .group_by(users::city)
        .select((users::city, count(users::id), max(users::age)))
        .order(users::city)
        .load(conn)?;
    let crowded: Vec<String> = users::table
        .group_by(users::city)
        .having(count(users::id).gt(1))
        .select(users::city)
        .order(count(users::id).desc())
        .then_order_by(users::city)
        .load(conn)?;
    Ok(json!([cities, crowded]))
}

fn distinct(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let cities: Vec<String> = users::table.select(users::city).distinct().order(users::city).load(conn)?;
    let number: i64 = users::table.select(count(users::city).aggregate_distinct()).first(conn)?;
    Ok(json!([cities, number]))
}

fn aggregates(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let all: (i64, i64, Option<i64>, Option<i32>, Option<String>) = users::table
        .select((count_star(), count(users::email), sum(users::age), min(users::age), max(users::name)))
        .first(conn)?;
    let average: Option<f64> = users::table
        .select(sql::<diesel::sql_types::Nullable<diesel::sql_types::Double>>("avg(age)"))
        .first(conn)?;
    let filtered: i64 = users::table.filter(users::age.gt(36)).count().get_result(conn)?;
    Ok(json!([all, average, filtered]))
}

fn aggregates_of_nothing(conn: &mut Conn) -> QueryResult<Value> {
    let sums: (i64, Option<i64>, Option<i32>) =
        users::table.select((count_star(), sum(users::age), max(users::age))).first(conn)?;
    let average = avg_score(conn)?;
    Ok(json!([sums, average]))
}

fn avg_score(conn: &mut Conn) -> QueryResult<Option<f64>> {
    use crate::cases::schema::posts;
    posts::table.select(avg(posts::score)).first(conn)
}

fn exists_and_not_exists(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let seen = [
        diesel::select(exists(users::table.filter(users::name.eq("Ada")))).get_result::<bool>(conn)?,
        diesel::select(exists(users::table.find(99))).get_result::<bool>(conn)?,
        diesel::select(not(exists(users::table.find(99)))).get_result::<bool>(conn)?,
    ];
    Ok(shown(seen))
}

fn subquery_in(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    diesel::insert_into(tags::table)
        .values(&vec![Tag::new(1, "a", 1), Tag::new(4, "a", 2), Tag::new(4, "b", 3)])
        .execute(conn)?;
    let tagged = tags::table.select(tags::post_id).filter(tags::label.eq("a"));
    let others = diesel::alias!(users as others);
    let oldest = others.select(max(others.field(users::age))).single_value();
    Ok(json!([
        ids!(conn, users::id.eq_any(tagged)),
        ids!(conn, users::id.ne_all(tagged)),
        ids!(conn, users::age.nullable().eq(oldest)),
    ]))
}

fn case_expression(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let group = case_when(users::age.lt(18), "child".into_sql::<Text>())
        .when(users::age.gt(65), "elder")
        .otherwise("adult");
    let or_null = case_when(users::city.eq("Rome"), users::name);
    let seen: Vec<(i32, String, Option<String>)> =
        users::table.select((users::id, group, or_null)).order(users::id).load(conn)?;
    Ok(shown(seen))
}

fn sql_fragments(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let computed: Vec<(i32, String)> = users::table
        .select((users::id, sql::<Text>("upper(substr(name, 1, 2)) || ").bind::<Text, _>("…")))
        .filter(sql::<Bool>("length(name) > ").bind::<Integer, _>(2).sql(" AND 1 = 1"))
        .order(sql::<BigInt>("age % 7"))
        .load(conn)?;
    Ok(shown(computed))
}

fn boxed(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let mut answers = Vec::new();
    for (city, older_than, limit) in
        [(None, None, None), (Some("Paris"), None, None), (Some("London"), Some(50), Some(1))]
    {
        let mut query = users::table.select(users::id).order(users::id).into_boxed::<Sqlite>();
        if let Some(city) = city {
            query = query.filter(users::city.eq(city));
        }
        if let Some(age) = older_than {
            query = query.filter(users::age.gt(age));
        }
        if let Some(limit) = limit {
            query = query.limit(limit);
        }
        answers.push(query.load::<i32>(conn)?);
    }
    Ok(shown(answers))
}

fn boxed_again_and_again(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let conditions: [Box<dyn BoxableExpression<users::table, Sqlite, SqlType = Bool>>; 3] =
        [Box::new(users::age.gt(36)), Box::new(users::city.eq("Paris")), Box::new(users::name.like("%e%"))];
    let mut counts = Vec::new();
    for condition in conditions {
        let count: i64 = users::table.filter(condition).count().get_result(conn)?;
        counts.push(count);
    }
    Ok(shown(counts))
}

fn find_by_composite_key(conn: &mut Conn) -> QueryResult<Value> {
    diesel::insert_into(tags::table).values(&vec![Tag::new(1, "a", 1), Tag::new(1, "b", 2)]).execute(conn)?;
    let found: Tag = tags::table.find((1, "b")).first(conn)?;
    Ok(json!([found, seen(tags::table.find((2, "b")).first::<Tag>(conn))]))
}

fn arithmetic(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let seen: Vec<(i32, i32, i32, i32)> = users::table
        .select((users::age + users::id, users::age - 1, users::age * 2, users::age / 7))
        .order(users::id)
        .load(conn)?;
    Ok(shown(seen))
}

fn collations(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let names: Vec<String> =
        users::table.select(users::name).order(sql::<Text>("name COLLATE NOCASE DESC")).load(conn)?;
    let same = ids!(conn, sql::<Bool>("name = 'EVE' COLLATE NOCASE"));
    Ok(json!([names, same]))
}

fn literals_without_a_table(conn: &mut Conn) -> QueryResult<Value> {
    let sum: i32 = diesel::select(1.into_sql::<Integer>() + 1).get_result(conn)?;
    let text: String = diesel::select("a".into_sql::<Text>().concat("b")).get_result(conn)?;
    let both: (bool, i64) =
        diesel::select((sql::<Bool>("1 < 2"), sql::<BigInt>("1 << 40"))).get_result(conn)?;
    Ok(json!([sum, text, both]))
}

fn union_of_two(conn: &mut Conn) -> QueryResult<Value> {
    five_users(conn)?;
    let paris = users::table.filter(users::city.eq("Paris")).select(users::age);
    let london = users::table.filter(users::city.eq("London")).select(users::age);
    let sorted = |mut ages: Vec<i32>| {
        ages.sort_unstable();
        ages
    };
    Ok(json!([
        sorted(paris.union(london).load::<i32>(conn)?),
        sorted(paris.union_all(london).load::<i32>(conn)?),
    ]))
}
