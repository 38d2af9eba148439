//! `sql_query`: statements that Diesel does not look into.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use serde_json::{Value, json};

use super::Conn;
use crate::cases::custom::AnyRow;
use crate::cases::models::{Named, Number, User, Word};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::users;

super::cases!("raw":
    rows_by_name, binds, binds_of_a_boxed_query, numbered_and_named_binds, binds_left_out, write_and_count,
    load_of_a_write, columns_that_are_missing, same_column_twice, unnamed_columns, two_thousand_columns, more_columns_than_sqlite_has,
    comment_first, nothing_but_a_comment, trailing_text, with_insert, with_update_and_delete,
    with_select, recursive, values, json_functions, explain_does_not_run, explain_query_plan,
    read_that_calls_no_table, window_function, into_tuples,
);

fn two_users(conn: &mut Conn) -> QueryResult<usize> {
    diesel::sql_query("INSERT INTO case_users (id, name, age) VALUES (1, 'Ada', 36), (2, 'Bob', 40)")
        .execute(conn)
}

fn names(conn: &mut Conn) -> QueryResult<Vec<String>> {
    users::table.select(users::name).order(users::id).load(conn)
}

fn rows_by_name(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let named: Vec<Named> =
        diesel::sql_query("SELECT age AS number, name FROM case_users ORDER BY id").load(conn)?;
    let structs: Vec<User> = diesel::sql_query("SELECT * FROM case_users ORDER BY id DESC").load(conn)?;
    let first: Named =
        diesel::sql_query("SELECT name, 1 AS number FROM case_users ORDER BY id").get_result(conn)?;
    Ok(json!([named, structs, first]))
}

fn binds(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let rows: Vec<Named> = diesel::sql_query(
        "SELECT name || ? AS name, age + ? AS number FROM case_users WHERE id IN (?, ?) AND ? IS NULL ORDER BY id",
    )
    .bind::<Text, _>("!")
    .bind::<BigInt, _>(1_000_000_000_000)
    .bind::<Integer, _>(2)
    .bind::<Integer, _>(9)
    .bind::<Nullable<Text>, _>(None::<&str>)
    .load(conn)?;
    Ok(shown(rows))
}

fn binds_of_a_boxed_query(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let mut query = diesel::sql_query("SELECT id AS number FROM case_users WHERE 1 = 1").into_boxed();
    for (text, id) in [(" AND id > ?", 1), (" AND id < ?", 5)] {
        query = query.sql(text).bind::<Integer, _>(id);
    }
    Ok(shown(query.load::<Number>(conn)?))
}

fn numbered_and_named_binds(conn: &mut Conn) -> QueryResult<Value> {
    let word: Word = diesel::sql_query("SELECT ?2 || '-' || ?1 || '-' || ?2 AS word")
        .bind::<Text, _>("one")
        .bind::<Text, _>("two")
        .get_result(conn)?;
    let named: Word = diesel::sql_query("SELECT :a || $b || :a AS word")
        .bind::<Text, _>("x")
        .bind::<Text, _>("y")
        .get_result(conn)?;
    let written = diesel::sql_query("INSERT INTO case_users (name, city, id) VALUES (?2, ?2, ?1)")
        .bind::<Integer, _>(7)
        .bind::<Text, _>("twice")
        .execute(conn)?;
    Ok(json!([word, named, written, users::table.load::<User>(conn)?]))
}

fn binds_left_out(conn: &mut Conn) -> QueryResult<Value> {
    // SQLite reads a parameter that nobody set as NULL.
    let word: Word = diesel::sql_query("SELECT coalesce(?, 'null') || coalesce(?, 'null') AS word")
        .bind::<Text, _>("set ")
        .get_result(conn)?;
    Ok(shown(word))
}

fn write_and_count(conn: &mut Conn) -> QueryResult<Value> {
    let counts = [
        two_users(conn)?,
        diesel::sql_query("UPDATE case_users SET age = age + ?").bind::<Integer, _>(1).execute(conn)?,
        diesel::sql_query("UPDATE case_users SET age = 1 WHERE id = 99").execute(conn)?,
        diesel::sql_query("DELETE FROM case_users WHERE id = 1").execute(conn)?,
        diesel::sql_query("REPLACE INTO case_users (id, name) VALUES (2, 'Bob II')").execute(conn)?,
    ];
    Ok(json!([counts, names(conn)?]))
}

fn load_of_a_write(conn: &mut Conn) -> QueryResult<Value> {
    let rows: Vec<Number> =
        diesel::sql_query("INSERT INTO case_users (id, name) VALUES (1, 'Ada')").load(conn)?;
    let returned: Vec<Number> =
        diesel::sql_query("UPDATE case_users SET age = 9 RETURNING age * 2 AS number").load(conn)?;
    Ok(json!([rows, returned, names(conn)?]))
}

fn columns_that_are_missing(conn: &mut Conn) -> QueryResult<Value> {
    let missing = diesel::sql_query("SELECT 1 AS other").load::<Number>(conn);
    let returned = diesel::sql_query("INSERT INTO case_users (id, name) VALUES (1, 'Ada') RETURNING id")
        .load::<Number>(conn);
    // No row, so nobody looks for the column.
    let no_row = diesel::sql_query("SELECT 1 AS other WHERE 0").load::<Number>(conn);
    Ok(json!([seen(missing), seen(returned), seen(no_row), names(conn)?]))
}

fn same_column_twice(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let read: Vec<AnyRow> =
        diesel::sql_query("SELECT 'a' AS x, 'b' AS x, 'c' AS \"X\", 'd' AS \"\"").load(conn)?;
    let written: Vec<AnyRow> = diesel::sql_query(
        "UPDATE case_users SET age = 1 WHERE id = 1 RETURNING id AS x, name AS x, NULL AS y",
    )
    .load(conn)?;
    Ok(json!([read, written]))
}

fn unnamed_columns(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let read: Vec<AnyRow> =
        diesel::sql_query("SELECT 1 + 1, name, max(age), \"id\" FROM case_users").load(conn)?;
    let written: Vec<AnyRow> = diesel::sql_query(
        "DELETE FROM case_users WHERE id = 1 RETURNING id + 1, lower(name), case_users.age",
    )
    .load(conn)?;
    Ok(json!([read, written]))
}

/// Two thousand columns, SQLite's limit, `c0` to `c1999`.
fn wide(columns: usize) -> String {
    (0..columns).map(|number| format!("{number} AS c{number}")).collect::<Vec<_>>().join(", ")
}

fn two_thousand_columns(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let summary = |rows: Vec<AnyRow>| {
        let row = &rows[0];
        let sum: i64 = row.values.iter().flatten().filter_map(|value| value.parse::<i64>().ok()).sum();
        json!([rows.len(), row.columns.len(), row.columns.first(), row.columns.last(), sum])
    };
    let read = diesel::sql_query(format!("SELECT {} FROM case_users", wide(2_000))).load(conn)?;
    let written =
        diesel::sql_query(format!("UPDATE case_users SET age = 1 RETURNING {}", wide(2_000))).load(conn)?;
    Ok(json!([summary(read), summary(written)]))
}

fn more_columns_than_sqlite_has(conn: &mut Conn) -> QueryResult<Value> {
    let read = diesel::sql_query(format!("SELECT {}", wide(2_001))).load::<AnyRow>(conn);
    Ok(seen(read))
}

fn comment_first(conn: &mut Conn) -> QueryResult<Value> {
    let written = [
        "-- first a line\nINSERT INTO case_users (id, name) VALUES (1, 'Ada')",
        "/* a block; with a semicolon */ INSERT INTO case_users (id, name) VALUES (2, 'Bob')",
        "\n\t /**/ -- SELECT\r\n  insert into case_users (id, name) values (3, '-- Cy')",
    ]
    .map(|sql| seen(diesel::sql_query(sql).execute(conn)));
    let read: Vec<Word> =
        diesel::sql_query("/* DELETE */ -- INSERT\nSELECT name AS word FROM case_users ORDER BY id")
            .load(conn)?;
    Ok(json!([written, read]))
}

fn nothing_but_a_comment(conn: &mut Conn) -> QueryResult<Value> {
    let texts = ["", "   ", ";", "-- nothing", "/* nothing */ ;"];
    let executed = texts.map(|sql| seen(diesel::sql_query(sql).execute(conn)));
    Ok(json!([executed, names(conn)?]))
}

fn trailing_text(conn: &mut Conn) -> QueryResult<Value> {
    let written =
        diesel::sql_query("INSERT INTO case_users (id, name) VALUES (1, 'Ada') ; -- done").execute(conn)?;
    // Only the first statement of a text is prepared.
    let second = diesel::sql_query("SELECT 1 AS number; DELETE FROM case_users").load::<Number>(conn);
    Ok(json!([written, seen(second), names(conn)?]))
}

fn with_insert(conn: &mut Conn) -> QueryResult<Value> {
    let count = diesel::sql_query(
        "WITH new (id, name) AS (VALUES (1, 'Ada'), (2, 'Bob')) INSERT INTO case_users (id, name) SELECT id, name FROM new",
    )
    .execute(conn)?;
    Ok(json!([count, names(conn)?]))
}

fn with_update_and_delete(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let updated = diesel::sql_query(
        "WITH oldest AS (SELECT max(age) AS age FROM case_users) \
         UPDATE case_users SET name = 'oldest' WHERE age = (SELECT age FROM oldest)",
    )
    .execute(conn)?;
    let deleted = diesel::sql_query(
        "WITH gone AS MATERIALIZED (SELECT 1 AS id) DELETE FROM case_users WHERE id IN (SELECT id FROM gone)",
    )
    .execute(conn)?;
    Ok(json!([updated, deleted, names(conn)?]))
}

fn with_select(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let rows: Vec<Number> =
        diesel::sql_query("WITH u AS (SELECT age FROM case_users) SELECT sum(age) AS number FROM u")
            .load(conn)?;
    Ok(shown(rows))
}

fn recursive(conn: &mut Conn) -> QueryResult<Value> {
    let sum: Number = diesel::sql_query(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT sum(i) AS number FROM n",
    )
    .get_result(conn)?;
    Ok(shown(sum))
}

fn values(conn: &mut Conn) -> QueryResult<Value> {
    let rows: Vec<AnyRow> = diesel::sql_query("VALUES (1, 'one'), (2, NULL)").load(conn)?;
    Ok(shown(rows))
}

fn json_functions(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let list: Vec<Word> = diesel::sql_query("SELECT value AS word FROM json_each(?) ORDER BY key")
        .bind::<Text, _>("[\"a\", \"b\", null]")
        .load(conn)?;
    let group: Word = diesel::sql_query(
        "SELECT json_group_array(name) AS word FROM (SELECT name FROM case_users ORDER BY id)",
    )
    .get_result(conn)?;
    Ok(json!([list, group]))
}

fn explain_does_not_run(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let rows = diesel::sql_query("EXPLAIN DELETE FROM case_users").load::<AnyRow>(conn)?;
    let executed = seen(diesel::sql_query("EXPLAIN DELETE FROM case_users").execute(conn).map(drop));
    Ok(json!([!rows.is_empty(), rows[0].columns, executed, names(conn)?]))
}

fn explain_query_plan(conn: &mut Conn) -> QueryResult<Value> {
    let plan = |sql: &str, conn: &mut Conn| -> QueryResult<Vec<Option<String>>> {
        let rows = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load::<AnyRow>(conn)?;
        Ok(rows.into_iter().filter_map(|row| row.values.into_iter().next_back()).collect())
    };
    Ok(json!([
        plan("SELECT * FROM case_users WHERE id = 1", conn)?,
        plan("DELETE FROM case_users WHERE name = 'x'", conn)?,
    ]))
}

fn read_that_calls_no_table(conn: &mut Conn) -> QueryResult<Value> {
    let executed = seen(diesel::sql_query("SELECT 1").execute(conn).map(drop));
    let typed: (String, i64) =
        diesel::select((sql::<Text>("hex('a')"), sql::<BigInt>("unicode('a')"))).get_result(conn)?;
    Ok(json!([executed, typed]))
}

fn window_function(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let rows: Vec<Named> = diesel::sql_query(
        "SELECT name, row_number() OVER (ORDER BY age DESC) AS number FROM case_users ORDER BY id",
    )
    .load(conn)?;
    Ok(shown(rows))
}

fn into_tuples(conn: &mut Conn) -> QueryResult<Value> {
    two_users(conn)?;
    let rows: Vec<(i32, String)> =
        users::table.select(sql::<(Integer, Text)>("id * 100, name || '?'")).order(users::id).load(conn)?;
    Ok(shown(rows))
}
