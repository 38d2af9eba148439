//! The method that gives rows one after the other.

use futures::{StreamExt, TryStreamExt};

use super::*;
use crate::ReadLevel;

const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
    SELECT i, 'a text that takes room: ' || i AS text FROM n";

#[derive(QueryableByName)]
struct Numbered {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    i: i32,
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

#[test]
fn a_stream_gives_the_same_rows_as_all() {
    let test = TestRepo::with_users();
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        let rows: Vec<User> =
            done(test.repo.stream(users::table.order(users::id)).at(level).try_collect()).unwrap();
        assert_eq!(rows, done(test.repo.all(users::table.order(users::id))).unwrap());
    }
    let none: Vec<User> = done(test.repo.stream(users::table.filter(users::id.eq(9))).try_collect()).unwrap();
    assert!(none.is_empty());
}

#[test]
fn a_slow_consumer_does_not_hold_the_cursor_open_and_misses_nothing() {
    let test = TestRepo::new();
    let mut stream = test.repo.stream::<Numbered>(diesel::sql_query(LONG));
    let first = done(stream.next()).unwrap().unwrap();
    assert_eq!(first.i, 1);
    // The only reader is free again, though of the rows one has been taken.
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 0);
    let mut last = 1;
    while let Some(row) = done(stream.next()) {
        let row = row.unwrap();
        assert_eq!(row.i, last + 1);
        assert_eq!(row.text, format!("a text that takes room: {}", row.i));
        last = row.i;
    }
    assert_eq!(last, 200_000);
    assert!(done(stream.next()).is_none());
}

#[test]
fn a_dropped_stream_stops_the_reading() {
    let test = TestRepo::new();
    let endless = diesel::sql_query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'x' AS text FROM n",
    );
    let mut stream = test.repo.stream::<Numbered>(endless);
    assert_eq!(done(stream.next()).unwrap().unwrap().i, 1);
    drop(stream);
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 0);
}

#[test]
fn a_stream_reads_no_longer_than_the_setting_says_also_when_nobody_takes_its_rows() {
    let test = TestRepo::with(|settings| settings.read_transaction(Duration::from_millis(50)));
    let endless = diesel::sql_query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'x' AS text FROM n",
    );
    let mut stream = test.repo.stream::<Numbered>(endless);
    assert_eq!(done(stream.next()).unwrap().unwrap().i, 1);
    // The only reader is free again, though the stream is neither polled nor dropped.
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 0);
    let last = loop {
        match done(stream.next()) {
            Some(Ok(_)) => {}
            other => break other,
        }
    };
    let Some(Err(Error::ReadTimeout { why })) = &last else {
        panic!("{:?}", last.map(|row| row.map(|_| ())))
    };
    assert!(why.contains("setting `read_transaction`"), "{why}");
    assert!(done(stream.next()).is_none());
}

#[test]
fn an_error_ends_the_stream() {
    let test = TestRepo::with_users();
    let mut stream = test.repo.stream::<i32>(diesel::delete(users::table).returning(users::id));
    assert!(matches!(
        done(stream.next()),
        Some(Err(Error::WriteInRead { method: "stream", instead: "returning" }))
    ));
    assert!(done(stream.next()).is_none());
    // A row in the middle that is no number: those before it are given.
    let late = "SELECT 1 AS i, 'a' AS text UNION ALL SELECT 2, abs(-9223372036854775807 - 1)";
    let rows: Vec<_> = done(test.repo.stream::<Numbered>(diesel::sql_query(late)).collect::<Vec<_>>());
    assert!(matches!(rows.last(), Some(Err(Error::Read(_)))));
}
