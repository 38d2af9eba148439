//! The methods that read.

use diesel::sql_types::{Integer, Text};

use super::*;
use crate::ReadLevel;

#[test]
fn all_reads_tables_filters_columns_and_tuples() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let ada = User { id: 1, name: "Ada".into(), email: Some("ada@example.org".into()), age: Some(36) };
    let all: Vec<User> = done(repo.all(users::table)).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0], ada);
    let adults: Vec<User> =
        done(repo.all(users::table.filter(users::age.ge(30)).select(User::as_select()))).unwrap();
    assert_eq!(adults, [ada]);
    let names = done(repo.all::<String>(users::table.select(users::name).order(users::id))).unwrap();
    assert_eq!(names, ["Ada", "Bob"]);
    let pairs = done(
        repo.all::<(i32, Option<String>)>(users::table.select((users::id, users::email)).order(users::id)),
    )
    .unwrap();
    assert_eq!(pairs, [(1, Some("ada@example.org".into())), (2, None)]);
}

#[test]
fn a_query_may_borrow_and_is_free_again_when_the_method_has_returned() {
    let test = TestRepo::with_users();
    let mut name = String::from("Bob");
    let read = {
        let query = users::table.filter(users::name.eq(&name)).select(users::id);
        test.repo.all::<i32>(query)
    };
    name.clear();
    assert_eq!(done(read).unwrap(), [2]);
}

#[test]
fn a_boxed_query_and_a_reference_to_a_query_are_read() {
    let test = TestRepo::with_users();
    let name = String::from("Ada");
    let mut query = users::table.select(User::as_select()).into_boxed();
    query = query.filter(users::name.eq(&name));
    assert_eq!(done(test.repo.all(query)).unwrap().len(), 1);
    let query = users::table.filter(users::name.eq(&name)).select(users::id);
    assert_eq!(done(test.repo.one::<i32>(&query)).unwrap(), Some(1));
    assert_eq!(done(test.repo.count(query)).unwrap(), 1);
}

#[test]
fn joins_associations_and_sql_are_read() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let posts =
        [(posts::user_id.eq(1), posts::title.eq("One")), (posts::user_id.eq(1), posts::title.eq("Two"))];
    done(repo.insert_all(posts::table, posts)).unwrap();
    let joined: Vec<(User, Option<Post>)> = done(
        repo.all(
            users::table
                .left_join(posts::table)
                .order(posts::title)
                .select((User::as_select(), Option::<Post>::as_select())),
        ),
    )
    .unwrap();
    let titles: Vec<_> =
        joined.iter().map(|(_, post)| post.as_ref().map(|post| post.title.as_str())).collect();
    assert_eq!(titles, [None, Some("One"), Some("Two")]);

    let ada = &joined[1].0;
    let hers: Vec<Post> = done(repo.all(Post::belonging_to(ada).select(Post::as_select()))).unwrap();
    assert_eq!(hers.len(), 2);

    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = Integer)]
        n: i32,
    }
    let query = diesel::sql_query("SELECT count(*) AS n FROM posts WHERE title > ?").bind::<Text, _>("P");
    assert_eq!(done(repo.one::<Count>(query)).unwrap().map(|row| row.n), Some(1));
}

#[test]
fn one_is_none_one_or_an_error() {
    let test = TestRepo::with_users();
    let ids = users::table.select(users::id);
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        assert_eq!(done(test.repo.one::<i32>(ids.filter(users::id.eq(9))).at(level)).unwrap(), None);
        assert_eq!(done(test.repo.one::<i32>(ids.filter(users::id.eq(2))).at(level)).unwrap(), Some(2));
        assert!(matches!(done(test.repo.one::<i32>(ids).at(level)), Err(Error::TooManyRows)));
        assert!(matches!(
            done(test.repo.one::<i32>(ids.filter(users::id.eq(9))).at(level).required()),
            Err(Error::NotFound)
        ));
        let by_name = test.repo.get_by::<User, _>(users::table, users::id.gt(0)).at(level);
        assert!(matches!(done(by_name), Err(Error::TooManyRows)));
    }
}

#[test]
fn get_takes_a_key_and_a_tuple_for_a_composite_one() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let follow = Follow { source: 1, target: 2, since: "2024".into() };
    let _: Follow = done(repo.insert(follows::table, &follow)).unwrap();
    assert_eq!(done(repo.get::<User, _>(users::table, 2)).unwrap().map(|user| user.name), Some("Bob".into()));
    assert_eq!(done(repo.get::<User, _>(users::table, &9)).unwrap(), None);
    assert!(matches!(done(repo.get::<User, _>(users::table, 9).required()), Err(Error::NotFound)));
    assert_eq!(done(repo.get(follows::table, (1, 2))).unwrap(), Some(follow));
    assert_eq!(done(repo.get::<Follow, _>(follows::table, (2, 1))).unwrap(), None);
    let bob: User = done(repo.get_by(users::table, users::name.eq("Bob")).required()).unwrap();
    assert_eq!(bob.id, 2);
    let both = users::name.eq("Bob").and(users::email.is_null());
    assert!(done(repo.get_by::<User, _>(users::table, both)).unwrap().is_some());
}

#[test]
fn reload_reads_the_row_as_it_is_now() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let bob: User = done(repo.get(users::table, 2).required()).unwrap();
    done(repo.update_all(users::table.find(2), users::name.eq("Robert"))).unwrap();
    let now: User = done(repo.reload(&bob)).unwrap();
    assert_eq!(now.name, "Robert");
    done(repo.delete(&bob)).unwrap();
    assert!(matches!(done(repo.reload::<User>(&bob)), Err(Error::NotFound)));
}

#[test]
fn count_and_exists_go_over_any_query() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    done(repo.insert(users::table, named("Bob")).with_position()).map(|(_, _): (User, _)| ()).unwrap();
    assert_eq!(done(repo.count(users::table)).unwrap(), 3);
    assert_eq!(done(repo.count(users::table.select(users::name).distinct())).unwrap(), 2);
    assert_eq!(done(repo.count(users::table.limit(1))).unwrap(), 1);
    assert_eq!(done(repo.count(users::table.inner_join(posts::table))).unwrap(), 0);
    assert_eq!(done(repo.count(users::table.filter(users::name.eq("Bob")).into_boxed())).unwrap(), 2);
    assert_eq!(done(repo.count(diesel::sql_query("SELECT 1 UNION SELECT 2; "))).unwrap(), 2);
    let commented = diesel::sql_query("SELECT * FROM users WHERE id > ? -- all but").bind::<Integer, _>(1);
    assert_eq!(done(repo.count(commented)).unwrap(), 2);
    assert!(done(repo.exists(users::table.filter(users::name.eq("Ada")))).unwrap());
    assert!(!done(repo.exists(users::table.filter(users::name.eq("Eve")))).unwrap());
    assert!(done(repo.exists(diesel::sql_query("SELECT 1;"))).unwrap());
    assert_eq!(done(repo.count(users::table).at(ReadLevel::Primary)).unwrap(), 3);
}

#[test]
fn a_write_in_a_reading_method_is_an_error_that_names_the_right_one() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let gone = || diesel::delete(users::table).returning(users::id);
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        let told = |error: Error| match error {
            Error::WriteInRead { method, instead } => (method, instead),
            other => panic!("{level:?}: {other:?}"),
        };
        assert_eq!(told(done(repo.all::<i32>(gone()).at(level)).unwrap_err()), ("all", "returning"));
        assert_eq!(told(done(repo.one::<i32>(gone()).at(level)).unwrap_err()), ("one", "returning_one"));
        assert_eq!(told(done(repo.count(gone()).at(level)).unwrap_err()), ("count", "execute"));
        assert_eq!(told(done(repo.exists(gone()).at(level)).unwrap_err()), ("exists", "execute"));
    }
    assert_eq!(done(repo.count(users::table)).unwrap(), 2);
}

#[test]
fn a_read_that_fails_is_a_read_error_with_what_sqlite_said() {
    let test = TestRepo::new();
    let error =
        done(test.repo.all::<i32>(diesel::select(diesel::dsl::sql::<Integer>("nothing")))).unwrap_err();
    assert!(matches!(&error, Error::Read(DieselError::DatabaseError(..))), "{error:?}");
    let error = done(test.repo.count(diesel::sql_query("SELEKT"))).unwrap_err();
    assert!(matches!(&error, Error::Read(DieselError::DatabaseError(..))), "{error:?}");
}

#[test]
fn each_level_reads_where_it_says() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let (_, position): (User, _) = done(repo.insert(users::table, named("Eve")).with_position()).unwrap();
    assert_eq!(position.txid, 2);
    let count = |level| done(repo.count(users::table).at(level));
    let there = || test.node.reads.load(Ordering::Relaxed);

    assert_eq!(count(ReadLevel::AtLeast(position)).unwrap(), 3);
    assert_eq!(*test.node.waited_for.lock().unwrap(), Some(position));
    let ahead = Position { txid: 9, ..position };
    assert!(matches!(count(ReadLevel::AtLeast(ahead)), Err(Error::ReadTimeout { .. })));
    count(ReadLevel::MaxLag(Duration::ZERO)).unwrap();
    assert_eq!(there(), 0);
    *test.node.lag.lock().unwrap() = Some(Duration::from_secs(3));
    count(ReadLevel::MaxLag(Duration::from_secs(2))).unwrap();
    *test.node.lag.lock().unwrap() = None;
    count(ReadLevel::MaxLag(Duration::from_secs(2))).unwrap();
    assert_eq!(there(), 2);
    let rows: Vec<User> = done(repo.all(users::table.order(users::id)).at(ReadLevel::Primary)).unwrap();
    assert_eq!(rows, done(repo.all(users::table.order(users::id))).unwrap());
    assert_eq!(there(), 3);
    assert_eq!(done(repo.position()).unwrap(), position);
}

#[test]
fn a_lag_that_cannot_be_read_does_not_hold_a_read_past_its_deadline() {
    let test = TestRepo::with_users();
    let hangs = test.node.lag.lock().unwrap();
    let count = test.repo.count(users::table).at(ReadLevel::MaxLag(Duration::from_secs(1)));
    let late = done(count.timeout(Duration::from_millis(50)));
    assert!(matches!(late, Err(Error::ReadTimeout { .. })), "{late:?}");
    drop(hangs);
}
