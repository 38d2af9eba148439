//! The application's own names for writes, as they are sent.

use super::*;
use crate::repo::{Batch, Write};
use crate::request::Key;
use crate::varying;

impl TestRepo {
    /// The key of the last write.
    fn key(&self) -> Key {
        self.node.seen.lock().unwrap().last().unwrap().key.clone().unwrap()
    }

    /// Sends it under a name of its own.
    fn key_of<T: Send + 'static>(&self, write: Write<T>) -> Key {
        done(write.idempotency_key(self.writes().to_string())).unwrap();
        self.key()
    }

    fn key_of_batch(&self, batch: Batch) -> Key {
        done(batch.idempotency_key(self.writes().to_string())).unwrap();
        self.key()
    }
}

#[test]
fn a_key_travels_with_its_name_and_its_time() {
    let test = TestRepo::with_users();
    let delete = || test.repo.delete_all(users::table.find(9));
    let key = test.key_of(delete());
    assert_eq!((key.name.as_str(), key.keep), ("1", Duration::from_secs(86_400)));
    let minute = Duration::from_secs(60);
    done(delete().keep_key(minute).idempotency_key("x".repeat(255)).with_position()).unwrap();
    assert_eq!((test.key().name.len(), test.key().keep), (255, minute));
    done(
        test.repo.batch().execute(diesel::delete(users::table.find(9))).idempotency_key("b").keep_key(minute),
    )
    .unwrap();
    assert_eq!((test.key().name.as_str(), test.key().keep), ("b", minute));
    done(delete()).unwrap();
    assert_eq!(test.node.seen.lock().unwrap().last().unwrap().key, None);
}

#[test]
fn the_same_request_has_the_same_hash_and_another_one_another() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let aged = |age: i32| test.key_of(repo.update_all(users::table.find(1), users::age.eq(age))).hash;
    assert_eq!(aged(1), aged(1));
    assert_ne!(aged(1), aged(2));
    let count = test.key_of(repo.execute(diesel::sql_query("UPDATE users SET age = 1 RETURNING id"))).hash;
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        #[allow(dead_code)]
        id: i32,
    }
    let rows =
        test.key_of(repo.returning::<Id>(diesel::sql_query("UPDATE users SET age = 1 RETURNING id"))).hash;
    assert_ne!(count, rows, "what is kept of the one is no answer to the other");
    let two = || repo.batch().execute(diesel::delete(users::table.find(8)));
    let more = two().execute(diesel::delete(users::table.find(9)));
    assert_ne!(test.key_of_batch(two()).hash, test.key_of_batch(more).hash);
}

#[test]
fn what_is_marked_as_varying_does_not_count_and_all_else_does() {
    let test = TestRepo::new();
    let repo = &test.repo;
    let post = |title: &str, user: i32| {
        let row = (posts::title.eq(title.to_owned()), posts::user_id.eq(varying(user)));
        test.key_of(repo.insert::<Post, _>(posts::table, row)).hash
    };
    assert_eq!(post("a", 1), post("a", 2));
    assert_ne!(post("a", 1), post("b", 1));
    // The same without a mark is not the same request.
    let plain = (posts::title.eq("a"), posts::user_id.eq(1));
    assert_ne!(test.key_of(repo.insert::<Post, _>(posts::table, plain)).hash, post("a", 1));
}

#[test]
fn each_row_of_many_is_marked() {
    let test = TestRepo::new();
    let repo = &test.repo;
    type Row =
        (diesel::dsl::Eq<posts::title, &'static str>, diesel::dsl::Eq<posts::user_id, crate::Varying<i32>>);
    let rows = |last: &'static str, user: i32| -> Vec<Row> {
        ["a", "b", last]
            .map(|title| (posts::title.eq(title), posts::user_id.eq(varying(user))))
            .into_iter()
            .collect()
    };
    // In few statements, in Diesel's own way, and in a batch.
    let forms: [&dyn Fn(Vec<Row>) -> Key; 4] = [
        &|rows| test.key_of(repo.insert_all(posts::table, rows)),
        &|rows| test.key_of(repo.insert_all_returning::<Post, _>(posts::table, rows)),
        &|rows| test.key_of(repo.execute(diesel::insert_into(posts::table).values(&rows))),
        &|rows| {
            let insert = diesel::insert_into(posts::table).values(&rows);
            test.key_of_batch(repo.batch().execute(diesel::delete(users::table)).execute(insert))
        },
    ];
    for (form, key) in forms.iter().enumerate() {
        assert_eq!(key(rows("c", 1)).hash, key(rows("c", 2)).hash, "form {form}");
        assert_ne!(key(rows("c", 1)).hash, key(rows("d", 1)).hash, "form {form}");
    }
    assert_eq!(done(repo.count(posts::table)).unwrap(), 4 * 4 * 3);
}

#[test]
fn a_key_that_cannot_be_one_is_an_error_before_anything_is_sent() {
    let test = TestRepo::with_users();
    let before = test.writes();
    let delete = || test.repo.delete_all(users::table);
    for (write, says) in [
        (delete().idempotency_key(""), "has 0"),
        (delete().idempotency_key("x".repeat(256)), "has 256"),
        (delete().idempotency_key("a").keep_key(Duration::ZERO), "keep_key"),
        (delete().idempotency_key("a").keep_key(Duration::MAX), "366 days"),
        (test.repo.execute(diesel::sql_query("VACUUM")).idempotency_key("a"), "`VACUUM`"),
    ] {
        let error = done(write).unwrap_err();
        assert!(matches!(error, Error::Rejected(_)) && error.to_string().contains(says), "{error}");
    }
    assert_eq!(test.writes(), before);
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 2);
}

fn posts_of(test: &TestRepo) -> Vec<(String, i32)> {
    done(test.repo.all(posts::table.select((posts::title, posts::user_id)).order(posts::id))).unwrap()
}

#[test]
fn under_one_key_a_write_is_done_once_and_each_asker_gets_the_first_ones_row() {
    let test = TestRepo::new();
    let order = |title: &str, user: i32| {
        let row = (posts::title.eq(title.to_owned()), posts::user_id.eq(varying(user)));
        done(test.repo.insert::<Post, _>(posts::table, row).idempotency_key("order-4711"))
    };
    let first = order("a", 1).unwrap();
    assert_eq!(order("a", 2).unwrap(), first, "the first one's value is kept of what varies");
    let error = order("b", 1).unwrap_err();
    assert!(matches!(&error, Error::KeyReused { key } if key == "order-4711"), "{error:?}");
    assert!(!error.is_retryable());
    assert_eq!(posts_of(&test), [("a".into(), 1)]);
    // A batch and a statement of one's own have keys, too.
    let text = "INSERT INTO posts (title, user_id) VALUES (?, /*<varying>*/ ? /*</varying>*/)";
    for user in [3, 4] {
        let insert = diesel::sql_query(text)
            .bind::<diesel::sql_types::Text, _>("c")
            .bind::<diesel::sql_types::Integer, _>(user);
        let batch = test.repo.batch().execute(diesel::delete(users::table)).execute(insert);
        assert_eq!(done(batch.idempotency_key("order-4712")).unwrap(), [0, 1]);
    }
    assert_eq!(posts_of(&test), [("a".into(), 1), ("c".into(), 3)]);
}

#[test]
fn a_write_that_failed_leaves_its_key_free() {
    let test = TestRepo::with_users();
    let insert = |id: i32| {
        let row = (users::id.eq(id), users::name.eq("Eve"));
        done(test.repo.insert::<User, _>(users::table, row).idempotency_key("k"))
    };
    assert!(matches!(insert(1), Err(Error::Rejected(_))));
    assert_eq!(insert(3).unwrap().id, 3);
    assert!(matches!(insert(4), Err(Error::KeyReused { .. })));
}
