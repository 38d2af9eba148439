//! `batch_execute`: texts of several statements.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::clean::depth;
use crate::cases::models::{Tag, Word};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::{tags, users};

super::cases!("script":
    several_statements, trigger_body, comments_and_strings, nothing, selects_are_run_and_forgotten,
    begin_to_commit, begin_to_rollback, savepoints_inside, inside_a_transaction, last_without_semicolon,
    large, error_in_the_first,
);

fn names(conn: &mut Conn) -> QueryResult<Vec<String>> {
    users::table.select(users::name).order(users::id).load(conn)
}

fn several_statements(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE TABLE case_made (id INTEGER PRIMARY KEY, word TEXT);
         INSERT INTO case_made (word) VALUES ('one'), ('two');
         UPDATE case_made SET word = word || '!' WHERE id = 2;
         CREATE INDEX case_made_word ON case_made (word);
         INSERT INTO case_users (id, name) SELECT id, word FROM case_made;",
    )?;
    Ok(shown(names(conn)?))
}

fn trigger_body(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE TRIGGER case_end AFTER UPDATE OF name ON case_users
         WHEN OLD.name <> NEW.name BEGIN
             -- a body; with semicolons
             INSERT INTO case_tags VALUES (NEW.id, CASE WHEN NEW.age > 1 THEN 'old' ELSE 'young' END, 1);
             DELETE FROM case_tags WHERE label = 'END;';
         END;
         INSERT INTO case_users (id, name) VALUES (1, 'Ada');
         UPDATE case_users SET name = 'Ada L.';",
    )?;
    Ok(json!([names(conn)?, tags::table.load::<Tag>(conn)?]))
}

fn comments_and_strings(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "-- a comment; BEGIN
         /* another; COMMIT; */
         INSERT INTO case_users (id, name) VALUES (1, 'semi;colon'), (2, 'it''s; COMMIT;');;
         ; INSERT INTO \"case_users\" ([id], `name`) VALUES (3, '/* not a comment */ -- nor this');
         -- the end",
    )?;
    Ok(shown(names(conn)?))
}

fn nothing(conn: &mut Conn) -> QueryResult<Value> {
    Ok(shown(
        ["", "  \n", ";", ";;;", "-- only a comment", "/* open"].map(|sql| seen(conn.batch_execute(sql))),
    ))
}

fn selects_are_run_and_forgotten(conn: &mut Conn) -> QueryResult<Value> {
    let fine = conn.batch_execute("SELECT 1; SELECT 2, 3; VALUES (1);");
    let fails = conn.batch_execute("SELECT abs(-9223372036854775808)");
    Ok(json!([seen(fine), seen(fails)]))
}

fn begin_to_commit(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "BEGIN;
         INSERT INTO case_users (id, name) VALUES (1, 'Ada');
         INSERT INTO case_users (id, name) VALUES (2, 'Bob');
         COMMIT;",
    )?;
    let next = conn.transaction(|conn| conn.batch_execute("INSERT INTO case_users (name) VALUES ('Cy')"));
    Ok(json!([names(conn)?, seen(next), depth(conn)]))
}

fn begin_to_rollback(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("BEGIN IMMEDIATE; INSERT INTO case_users (id, name) VALUES (1, 'Ada'); ROLLBACK")?;
    Ok(json!([names(conn)?, depth(conn)]))
}

fn savepoints_inside(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "SAVEPOINT one; INSERT INTO case_users (id, name) VALUES (1, 'kept');
         SAVEPOINT two; INSERT INTO case_users (id, name) VALUES (2, 'taken back');
         ROLLBACK TO two; RELEASE two; RELEASE one;",
    )?;
    Ok(json!([names(conn)?, depth(conn)]))
}

fn inside_a_transaction(conn: &mut Conn) -> QueryResult<Value> {
    let inside = conn.transaction::<_, diesel::result::Error, _>(|conn| {
        conn.batch_execute(
            "INSERT INTO case_users (id, name) VALUES (1, 'Ada');
             CREATE TABLE case_more (word TEXT); INSERT INTO case_more VALUES ('inside');",
        )?;
        let failed = conn.batch_execute("INSERT INTO case_users (id, name) VALUES (1, 'twice')");
        Ok(json!([seen(failed), names(conn)?]))
    })?;
    let word: Word = diesel::sql_query("SELECT word FROM case_more").get_result(conn)?;
    Ok(json!([inside, word]))
}

fn last_without_semicolon(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "INSERT INTO case_users (id, name) VALUES (1, 'Ada'); DELETE FROM case_users WHERE id = 9",
    )?;
    Ok(shown(names(conn)?))
}

fn large(conn: &mut Conn) -> QueryResult<Value> {
    let text: String = (0..500)
        .map(|id| format!("INSERT INTO case_users (id, name, age) VALUES ({id}, 'user {id}', {id});\n"))
        .collect();
    conn.batch_execute(&text)?;
    let sum: Option<i64> = users::table.select(diesel::dsl::sum(users::age)).first(conn)?;
    Ok(json!([users::table.count().get_result::<i64>(conn)?, sum]))
}

fn error_in_the_first(conn: &mut Conn) -> QueryResult<Value> {
    let failed = conn.batch_execute(
        "INSERT INTO case_users (id) VALUES (1); INSERT INTO case_users (id, name) VALUES (2, 'Bob');",
    );
    Ok(json!([seen(failed), names(conn)?]))
}
