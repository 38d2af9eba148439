//! The benches' database: people to read, and a table to write to.

use std::path::Path;

use diesel::connection::{LoadConnection, SimpleConnection};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use litefs_diesel_tests::bench::Outcome;

/// Its name on every node.
pub(crate) const DATABASE: &str = "bench.db";

/// How many people there are; ids from 1.
pub(crate) const PEOPLE: i64 = 10_000;

diesel::table! {
    people (id) {
        id -> BigInt,
        name -> Text,
        age -> Integer,
    }
}

diesel::table! {
    writes (id) {
        id -> BigInt,
        number -> BigInt,
        text -> Text,
    }
}

/// A row to read.
#[derive(Queryable, Selectable)]
#[diesel(table_name = people, check_for_backend(Sqlite))]
pub(crate) struct Person {
    pub(crate) id: i64,
    #[expect(dead_code, reason = "read from the database, and by nobody")]
    pub(crate) name: String,
    #[expect(dead_code, reason = "read from the database, and by nobody")]
    pub(crate) age: i32,
}

/// The query that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// One row by its primary key: the type alone names the statement.
    Point,
    /// The same, boxed: its text is built each time.
    Boxed,
    /// So many rows in the key's order.
    Rows(i64),
}

impl Shape {
    /// For the table.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Point => "one row by key".to_owned(),
            Self::Boxed => "one row, boxed query".to_owned(),
            Self::Rows(count) => format!("{count} rows"),
        }
    }
}

/// Creates the database and fills it.
pub(crate) fn create(database: &Path) -> Outcome<()> {
    create_with(database, "WAL")
}

/// The same in another journal mode.
pub(crate) fn create_with(database: &Path, journal_mode: &str) -> Outcome<()> {
    let mut conn = connect(database)?;
    conn.batch_execute(&format!(
        "PRAGMA journal_mode = {journal_mode};
         BEGIN IMMEDIATE;
         CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER NOT NULL);
         CREATE TABLE writes (id INTEGER PRIMARY KEY, number BIGINT NOT NULL, text TEXT NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PEOPLE})
         INSERT INTO people SELECT i, 'person number ' || i, i % 90 FROM n;
         COMMIT;"
    ))?;
    Ok(())
}

/// A bare connection that may write, set up as the library's writer is.
pub(crate) fn connect(database: &Path) -> Outcome<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&database.to_string_lossy())?;
    conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL")?;
    Ok(conn)
}

/// What opens the database for reading alone.
pub(crate) fn read_url(database: &Path) -> String {
    format!("file:{}?mode=ro", database.display())
}

/// A bare connection that only reads.
pub(crate) fn connect_to_read(database: &Path) -> Outcome<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&read_url(database))?;
    conn.batch_execute("PRAGMA busy_timeout = 5000")?;
    Ok(conn)
}

/// One read on any Diesel connection, bare or the library's: the code that is compared is the same.
pub(crate) fn read<C>(conn: &mut C, shape: Shape, id: i64) -> QueryResult<()>
where
    C: Connection<Backend = Sqlite> + LoadConnection,
{
    let found = match shape {
        // Not `first`: the LIMIT that it binds makes SQLite prepare the statement anew each time.
        Shape::Point => people::table.find(id).select(Person::as_select()).get_result(conn)?.id,
        Shape::Boxed => {
            let query = people::table.into_boxed().filter(people::id.eq(id));
            query.select(Person::as_select()).get_result(conn)?.id
        }
        Shape::Rows(count) => {
            let query = people::table.filter(people::id.ge(id)).order(people::id).limit(count);
            let rows: Vec<Person> = query.select(Person::as_select()).load(conn)?;
            rows.first().ok_or(diesel::NotFound)?.id
        }
    };
    if found == id { Ok(()) } else { Err(diesel::NotFound) }
}

/// Keys to read, one after the other, in no order that a cache would like.
#[derive(Clone, Default)]
pub(crate) struct Keys(i64);

impl Iterator for Keys {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        // A step that shares no factor with the number of people: all of them come.
        self.0 = (self.0 + 7_919) % PEOPLE;
        Some(self.0 + 1)
    }
}
