//! Changing the schema, and statements that were prepared before it changed.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::custom::AnyRow;
use crate::cases::models::{User, Word};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::users;

super::cases!("ddl":
    create_and_use, create_if_not_exists, drop_if_exists, alter_table, index, view, view_is_not_written,
    generated_column, full_text_search, without_rowid, prepared_before_the_change,
    create_table_as_select, user_version, table_info,
);

/// Without the count, which after DDL is the one of the write before; see the theme `bare_only`.
fn run(conn: &mut Conn, sql: &str) -> Value {
    seen(diesel::sql_query(sql).execute(conn).map(drop))
}

fn any(conn: &mut Conn, sql: &str) -> QueryResult<Vec<AnyRow>> {
    diesel::sql_query(sql).load(conn)
}

fn create_and_use(conn: &mut Conn) -> QueryResult<Value> {
    let created = run(conn, "CREATE TABLE case_new (id INTEGER PRIMARY KEY, word TEXT NOT NULL)");
    let again = run(conn, "CREATE TABLE case_new (id INTEGER PRIMARY KEY)");
    run(conn, "INSERT INTO case_new (word) VALUES ('hello')");
    let rows = any(conn, "SELECT * FROM case_new")?;
    let dropped = run(conn, "DROP TABLE case_new");
    Ok(json!([created, again, rows, dropped, run(conn, "SELECT * FROM case_new")]))
}

fn create_if_not_exists(conn: &mut Conn) -> QueryResult<Value> {
    let made = [
        "CREATE TABLE IF NOT EXISTS case_users (other TEXT)",
        "CREATE TABLE IF NOT EXISTS case_maybe (word TEXT)",
        "CREATE TABLE IF NOT EXISTS case_maybe (word TEXT, more TEXT)",
        "CREATE INDEX IF NOT EXISTS case_maybe_index ON case_maybe (word)",
        "CREATE INDEX IF NOT EXISTS case_maybe_index ON case_maybe (word)",
    ]
    .map(|sql| run(conn, sql));
    conn.batch_execute("CREATE TABLE IF NOT EXISTS case_users (x); INSERT INTO case_maybe VALUES ('here')")?;
    Ok(json!([made, any(conn, "SELECT * FROM case_maybe")?, users::table.load::<User>(conn)?]))
}

fn drop_if_exists(conn: &mut Conn) -> QueryResult<Value> {
    let dropped = [
        "DROP TABLE IF EXISTS case_nothing",
        "DROP VIEW IF EXISTS case_nothing",
        "DROP INDEX IF EXISTS case_nothing",
        "DROP TRIGGER IF EXISTS case_nothing",
        "DROP TABLE IF EXISTS case_comments",
        "DROP TABLE IF EXISTS case_comments",
    ]
    .map(|sql| run(conn, sql));
    Ok(json!([dropped, run(conn, "SELECT * FROM case_comments")]))
}

fn alter_table(conn: &mut Conn) -> QueryResult<Value> {
    run(conn, "INSERT INTO case_users (id, name) VALUES (1, 'Ada')");
    let steps = [
        "ALTER TABLE case_users ADD COLUMN nick TEXT DEFAULT 'none'",
        "ALTER TABLE case_users RENAME COLUMN nick TO alias",
        "UPDATE case_users SET alias = alias || '!'",
        "ALTER TABLE case_comments RENAME TO case_remarks",
        "ALTER TABLE case_users DROP COLUMN city",
        "ALTER TABLE case_users ADD COLUMN bad TEXT NOT NULL",
    ]
    .map(|sql| run(conn, sql));
    Ok(json!([steps, any(conn, "SELECT * FROM case_users")?, any(conn, "SELECT * FROM case_remarks")?]))
}

fn index(conn: &mut Conn) -> QueryResult<Value> {
    let steps = [
        "CREATE INDEX case_by_age ON case_users (age) WHERE age > 10",
        "CREATE UNIQUE INDEX case_by_name ON case_users (lower(name))",
        "INSERT INTO case_users (id, name) VALUES (1, 'Ada')",
        "INSERT INTO case_users (id, name) VALUES (2, 'ADA')",
        "REINDEX case_by_name",
        "DROP INDEX case_by_name",
        "INSERT INTO case_users (id, name) VALUES (2, 'ADA')",
    ]
    .map(|sql| run(conn, sql));
    Ok(shown(steps))
}

fn view(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE VIEW case_adults (name, years) AS SELECT name, age FROM case_users WHERE age >= 18",
    )?;
    conn.batch_execute("INSERT INTO case_users (name, age) VALUES ('Ada', 36), ('Cy', 5)")?;
    diesel::table! {
        #[sql_name = "case_adults"]
        adults (name) { name -> Text, years -> Integer, }
    }
    Ok(shown(adults::table.load::<(String, i32)>(conn)?))
}

fn view_is_not_written(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("CREATE VIEW case_all AS SELECT * FROM case_users")?;
    Ok(run(conn, "INSERT INTO case_all (id, name) VALUES (1, 'Ada')"))
}

fn generated_column(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE TABLE case_areas (w INTEGER, h INTEGER, area INTEGER GENERATED ALWAYS AS (w * h) STORED)",
    )?;
    run(conn, "INSERT INTO case_areas (w, h) VALUES (3, 4)");
    let refused = run(conn, "INSERT INTO case_areas (w, h, area) VALUES (3, 4, 5)");
    Ok(json!([any(conn, "SELECT * FROM case_areas")?, refused]))
}

fn full_text_search(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("CREATE VIRTUAL TABLE case_fts USING fts5(title, body)")?;
    conn.batch_execute(
        "INSERT INTO case_fts VALUES ('primary', 'writes run here'), ('replica', 'reads run here');",
    )?;
    let found: Vec<Word> =
        diesel::sql_query("SELECT title AS word FROM case_fts WHERE case_fts MATCH ? ORDER BY rank, rowid")
            .bind::<diesel::sql_types::Text, _>("run NOT writes")
            .load(conn)?;
    let optimised = run(conn, "INSERT INTO case_fts (case_fts) VALUES ('optimize')");
    let snippet: Word =
        diesel::sql_query("SELECT snippet(case_fts, 1, '[', ']', '', 9) AS word FROM case_fts('writes')")
            .get_result(conn)?;
    let broken =
        diesel::sql_query("SELECT title AS word FROM case_fts WHERE case_fts MATCH '\"'").load::<Word>(conn);
    Ok(json!([found, optimised, snippet, seen(broken)]))
}

fn without_rowid(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("CREATE TABLE case_words (word TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID")?;
    let first = run(conn, "INSERT INTO case_words VALUES ('b', 1), ('a', 2)");
    let twice = run(conn, "INSERT INTO case_words VALUES ('b', 3)");
    Ok(json!([first, twice, any(conn, "SELECT * FROM case_words")?]))
}

fn prepared_before_the_change(conn: &mut Conn) -> QueryResult<Value> {
    let count = |conn: &mut Conn| users::table.count().get_result::<i64>(conn);
    let insert = |conn: &mut Conn, id: i32| {
        diesel::insert_into(users::table).values((users::id.eq(id), users::name.eq("user"))).execute(conn)
    };
    let before = (insert(conn, 1)?, count(conn)?);
    run(conn, "ALTER TABLE case_users ADD COLUMN later TEXT");
    let between = (insert(conn, 2)?, count(conn)?);
    run(conn, "ALTER TABLE case_users RENAME TO case_people");
    let gone = (seen(insert(conn, 3)), seen(count(conn)));
    run(conn, "ALTER TABLE case_people RENAME TO case_users");
    Ok(json!([before, between, gone, insert(conn, 3)?, count(conn)?]))
}

fn create_table_as_select(conn: &mut Conn) -> QueryResult<Value> {
    run(conn, "INSERT INTO case_users (id, name) VALUES (1, 'Ada'), (2, 'Bob')");
    let made = run(conn, "CREATE TABLE case_copy AS SELECT id, name || '!' AS loud FROM case_users");
    Ok(json!([made, any(conn, "SELECT * FROM case_copy ORDER BY id")?]))
}

fn user_version(conn: &mut Conn) -> QueryResult<Value> {
    // In the file's header, so the database's and not the connection's.
    conn.batch_execute("PRAGMA user_version = 42")?;
    let set = any(conn, "PRAGMA user_version")?;
    conn.batch_execute("PRAGMA user_version = 0")?;
    Ok(json!([set, any(conn, "SELECT user_version FROM pragma_user_version")?]))
}

fn table_info(conn: &mut Conn) -> QueryResult<Value> {
    Ok(json!([
        any(conn, "PRAGMA table_info(case_tags)")?,
        any(conn, "SELECT name, type FROM pragma_table_info('case_users') ORDER BY cid")?,
        any(conn, "PRAGMA foreign_key_list('case_posts')")?,
    ]))
}
