//! What a connection tells of a write that did not end well.

use super::primary::End;
use super::*;
use crate::error::{CommittedValue, Error, NotExecuted, outcome};
use crate::position::Position;
use crate::request::Written;

const AT: Position = Position { txid: 9, checksum: 9 };

/// As the layer below gives it: with what the primary wrote.
fn not_visible(written: Written) -> Error {
    Error::CommittedNotVisible { position: AT, value: CommittedValue::new(written) }
}

fn not_replicated(written: Written) -> Error {
    let (have, missing) = (vec!["ams".into()], vec!["ord".into()]);
    Error::CommittedNotReplicated { position: AT, have, missing, value: CommittedValue::new(written) }
}

const COMMITTED: [fn(Written) -> Error; 2] = [not_visible, not_replicated];

/// The outcomes that have no value.
fn others() -> [Error; 4] {
    [
        Error::Unknown { why: "the answer was lost".into() },
        Error::Lost { position: AT },
        Error::KeyReused { key: "order-4711".into() },
        Error::NotExecuted(NotExecuted::Overloaded(crate::error::Bound::new("queue_length", 1))),
    ]
}

impl Node {
    fn next_ends(&self, end: End) {
        *self.primary.next_end.lock().unwrap() = Some(end);
    }
}

/// Checks that it is that outcome, with its position and that value.
fn check<T: std::fmt::Debug>(result: QueryResult<T>, text: &str, at: Option<Position>, value: Option<usize>) {
    let error = result.unwrap_err();
    let told = outcome(&error).unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!((told.to_string().as_str(), told.position()), (text, at));
    assert_eq!(told.value::<usize>().copied(), value, "{told:?}");
    assert!(told.value::<Written>().is_none(), "{told:?}");
    // The same when a closure of `repo.run` returns it.
    assert_eq!(Error::from(error).value::<usize>().copied(), value);
}

fn text(end: fn(Written) -> Error) -> String {
    end(Written::default()).to_string()
}

#[test]
fn execute_tells_each_outcome_and_the_count_of_what_is_committed() {
    let node = Node::new();
    let mut conn = node.connection();
    insert(&mut conn, "Ada").unwrap();
    insert(&mut conn, "Bob").unwrap();
    for end in COMMITTED {
        node.next_ends(End::After(end));
        let aged = diesel::update(users::table).set(users::age.eq(30)).execute(&mut conn);
        check(aged, &text(end), Some(AT), Some(2));
        node.next_ends(End::After(end));
        let none = diesel::delete(users::table.find(99)).execute(&mut conn);
        check(none, &text(end), Some(AT), Some(0));
    }
    for end in others() {
        let (told, at) = (end.to_string(), end.position());
        node.next_ends(End::Instead(end));
        check(insert(&mut conn, "Eve"), &told, at, None);
    }
    assert_eq!(node.users(), 2);
}

#[test]
fn a_returning_that_is_committed_tells_how_many_rows_came_back() {
    let node = Node::new();
    let mut conn = node.connection();
    for (end, name) in COMMITTED.into_iter().zip(["Ada", "Bob"]) {
        node.next_ends(End::After(end));
        let adding = diesel::insert_into(users::table).values(users::name.eq(name)).returning(users::id);
        check(adding.get_result::<i32>(&mut conn), &text(end), Some(AT), Some(1));
        node.next_ends(End::After(end));
        let typed = diesel::sql_query("UPDATE users SET age = 7 WHERE id = 99 RETURNING id AS n");
        check(typed.load::<Number>(&mut conn), &text(end), Some(AT), Some(0));
    }
    for end in others() {
        let (told, at) = (end.to_string(), end.position());
        node.next_ends(End::Instead(end));
        let adding = diesel::insert_into(users::table).values(users::name.eq("Eve")).returning(users::id);
        check(adding.get_result::<i32>(&mut conn), &told, at, None);
    }
    assert_eq!(node.users(), 2);
}

#[test]
fn a_commit_tells_each_outcome_and_has_no_value() {
    let node = Node::new();
    let mut conn = node.connection();
    for (end, name) in COMMITTED.into_iter().zip(["Ada", "Bob"]) {
        node.next_ends(End::After(end));
        let done = conn.transaction(|conn| insert(conn, name));
        check(done, &text(end), Some(AT), None);
    }
    for end in others() {
        let (told, at) = (end.to_string(), end.position());
        let end = std::cell::RefCell::new(Some(end));
        let done = conn.transaction(|conn| {
            node.next_ends(End::Instead(end.take().unwrap()));
            insert(conn, "Eve")
        });
        check(done, &told, at, None);
    }
    // What was said to be committed is, and the connection goes on.
    insert(&mut conn, "Cid").unwrap();
    assert_eq!(node.users(), 3);
}

#[test]
fn a_batch_that_is_committed_has_no_value() {
    let node = Node::new();
    let mut conn = node.connection();
    for end in COMMITTED {
        node.next_ends(End::After(end));
        check(conn.batch_execute("DELETE FROM posts; DELETE FROM users"), &text(end), Some(AT), None);
    }
}

#[test]
fn the_connections_own_answers_are_those_after_a_write_that_is_committed() {
    let node = Node::new();
    let mut conn = node.connection();
    insert(&mut conn, "Ada").unwrap();
    for end in COMMITTED {
        node.next_ends(End::After(end));
        insert(&mut conn, end(Written::default()).to_string().as_str()).unwrap_err();
        let last = number(&mut conn, "SELECT max(id) AS n FROM users");
        assert_eq!(number(&mut conn, "SELECT last_insert_rowid() AS n"), last);
        node.next_ends(End::After(end));
        diesel::update(users::table).set(users::age.eq(30)).execute(&mut conn).unwrap_err();
        assert_eq!(number(&mut conn, "SELECT changes() AS n"), last);
    }
    // One that did not run leaves them.
    node.next_ends(End::Instead(Error::NotExecuted(NotExecuted::Overloaded(crate::error::Bound::new(
        "queue_length",
        1,
    )))));
    insert(&mut conn, "Eve").unwrap_err();
    assert_eq!(number(&mut conn, "SELECT last_insert_rowid() AS n"), 3);
}
