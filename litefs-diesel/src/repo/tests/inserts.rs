//! The methods that insert.

use super::*;

#[test]
fn insert_gives_the_row_with_its_key_and_defaults() {
    let test = TestRepo::new();
    let repo = &test.repo;
    let user: User = done(repo.insert(users::table, named("Ada"))).unwrap();
    assert_eq!(user, User { id: 1, name: "Ada".into(), email: None, age: Some(18) });
    let user: User = done(repo.insert(users::table, users::name.eq("Bob"))).unwrap();
    assert_eq!(user.id, 2);
    let user: User =
        done(repo.insert(users::table, (users::name.eq("Eve"), users::age.eq(None::<i32>)))).unwrap();
    assert_eq!(user.age, None);
    let owned = NewUser { name: "Dan", email: None, age: Some(5) };
    assert_eq!(done(repo.insert::<User, _>(users::table, owned)).unwrap().age, Some(5));
}

#[test]
fn insert_all_takes_40_000_rows_in_one_request() {
    let test = TestRepo::new();
    let names: Vec<String> = (0..40_000).map(|i| format!("user {i}")).collect();
    let rows: Vec<NewUser<'_>> = names.iter().map(|name| named(name)).collect();
    assert_eq!(done(test.repo.insert_all(users::table, &rows)).unwrap(), 40_000);
    assert_eq!(test.writes(), 1);
    let stored: Vec<String> = done(test.repo.all(users::table.select(users::name).order(users::id))).unwrap();
    assert_eq!(stored, names);
}

#[test]
fn insert_all_returning_gives_40_000_rows_in_order() {
    let test = TestRepo::new();
    let rows = (0..40_000).map(|i| (users::name.eq(i.to_string()), users::age.eq(i)));
    let stored: Vec<User> = done(test.repo.insert_all_returning(users::table, rows)).unwrap();
    assert_eq!(stored.len(), 40_000);
    assert!((0..).zip(&stored).all(|(i, user)| (user.id, user.age) == (i + 1, Some(i))));
}

#[test]
fn rows_with_different_fields_keep_their_order_and_their_defaults() {
    let test = TestRepo::new();
    let rows = [
        named("a"),
        named("b"),
        NewUser { name: "c", email: None, age: Some(3) },
        NewUser { name: "d", email: Some("d"), age: None },
        named("e"),
    ];
    let stored: Vec<User> = done(test.repo.insert_all_returning(users::table, &rows)).unwrap();
    let seen: Vec<_> = stored.iter().map(|user| (user.id, user.name.as_str(), user.age)).collect();
    assert_eq!(
        seen,
        [(1, "a", Some(18)), (2, "b", Some(18)), (3, "c", Some(3)), (4, "d", Some(18)), (5, "e", Some(18))]
    );
}

#[test]
fn rows_without_any_field_get_all_defaults() {
    let test = TestRepo::new();
    done(test.repo.execute(diesel::sql_query("ALTER TABLE posts ADD COLUMN at TEXT DEFAULT 'now'"))).unwrap();
    diesel::table! { tags { id -> Integer, name -> Nullable<Text>, } }
    done(test.repo.execute(diesel::sql_query("CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT)")))
        .unwrap();
    let rows = [Some("x"), None, None].map(|name| name.map(|name| tags::name.eq(name)));
    assert_eq!(done(test.repo.insert_all(tags::table, rows)).unwrap(), 3);
    let names: Vec<Option<String>> = done(test.repo.all(tags::table.select(tags::name))).unwrap();
    assert_eq!(names, [Some("x".into()), None, None]);
}

#[test]
fn no_rows_are_no_error_and_send_nothing() {
    let test = TestRepo::new();
    let none: Vec<NewUser<'_>> = Vec::new();
    assert_eq!(done(test.repo.insert_all(users::table, &none)).unwrap(), 0);
    assert!(done(test.repo.insert_all_returning::<User, _>(users::table, &none)).unwrap().is_empty());
    let (count, position) = done(test.repo.insert_all(users::table, none).with_position()).unwrap();
    assert_eq!((count, position), (0, done(test.repo.position()).unwrap()));
    assert_eq!(test.writes(), 0);
}

#[test]
fn one_bad_row_takes_all_back() {
    let test = TestRepo::with_users();
    let rows = [named("Eve"), NewUser { name: "Ada again", email: Some("ada@example.org"), age: None }];
    let error = done(test.repo.insert_all(users::table, &rows)).unwrap_err();
    let Error::Rejected(DieselError::DatabaseError(kind, info)) = error else { panic!("{error:?}") };
    assert!(matches!(kind, diesel::result::DatabaseErrorKind::UniqueViolation));
    assert_eq!(info.message(), "UNIQUE constraint failed: users.email");
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 2);
}
