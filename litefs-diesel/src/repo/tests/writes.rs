//! The methods that change and delete rows, or take any statement.

use diesel::upsert::excluded;

use super::*;

#[derive(Identifiable, AsChangeset)]
#[diesel(table_name = users)]
struct Changed<'a> {
    id: i32,
    name: Option<&'a str>,
    age: Option<Option<i32>>,
}

#[test]
fn update_changes_one_row_and_gives_it() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let user: User = done(repo.update(&Changed { id: 1, name: Some("Lady Ada"), age: None })).unwrap();
    assert_eq!((user.name.as_str(), user.age), ("Lady Ada", Some(36)));
    let user: User = done(repo.update(&Changed { id: 1, name: None, age: Some(None) })).unwrap();
    assert_eq!((user.name.as_str(), user.age), ("Lady Ada", None));
    let nobody = repo.update::<User>(&Changed { id: 9, name: Some("Eve"), age: None });
    assert!(matches!(done(nobody), Err(Error::NotFound)));
}

#[test]
fn update_with_nothing_to_change_gives_the_row_as_it_is() {
    let test = TestRepo::with_users();
    let user: User = done(test.repo.update(&Changed { id: 2, name: None, age: None })).unwrap();
    assert_eq!(user.name, "Bob");
    let nobody = test.repo.update::<User>(&Changed { id: 9, name: None, age: None });
    assert!(matches!(done(nobody), Err(Error::NotFound)));
}

#[test]
fn update_goes_by_a_composite_key() {
    let test = TestRepo::new();
    let rows = [(1, 2), (2, 1)].map(|(source, target)| Follow { source, target, since: "2024".into() });
    done(test.repo.insert_all(follows::table, &rows)).unwrap();
    let changed = Follow { source: 2, target: 1, since: "2025".into() };
    let row: Follow = done(test.repo.update(&changed)).unwrap();
    assert_eq!(row, changed);
    let since: Vec<String> = done(test.repo.all(follows::table.select(follows::since))).unwrap();
    assert_eq!(since, ["2024", "2025"]);
}

#[test]
fn update_all_and_delete_all_count_the_rows() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    assert_eq!(done(repo.update_all(users::table, users::age.eq(users::age + 1))).unwrap(), 2);
    let bob = users::table.filter(users::name.eq("Bob"));
    assert_eq!(done(repo.update_all(bob, (users::name.eq("Bo"), users::age.eq(None::<i32>)))).unwrap(), 1);
    assert_eq!(done(repo.update_all(users::table.find(9), users::name.eq("x"))).unwrap(), 0);
    let before = test.writes();
    assert_eq!(
        done(repo.update_all(users::table, None::<Changed<'_>>.map(|_| users::name.eq("x")))).unwrap(),
        0
    );
    assert_eq!(test.writes(), before);
    assert_eq!(done(repo.delete_all(users::table.filter(users::name.eq("Bo")))).unwrap(), 1);
    assert_eq!(done(repo.delete_all(users::table)).unwrap(), 1);
}

#[test]
fn a_target_may_borrow() {
    let test = TestRepo::with_users();
    let name = String::from("Bob");
    let target = || users::table.filter(users::name.eq(&name));
    assert_eq!(done(test.repo.update_all(target(), users::age.eq(3))).unwrap(), 1);
    let write = test.repo.delete_all(target());
    assert_eq!(done(write).unwrap(), 1);
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 1);
}

#[test]
fn delete_takes_one_row_by_its_key() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let ada: User = done(repo.get(users::table, 1).required()).unwrap();
    assert_eq!(done(repo.delete(&ada)).unwrap(), 1);
    assert_eq!(done(repo.delete(&ada)).unwrap(), 0);
    let follow: Follow =
        done(repo.insert(follows::table, &Follow { source: 1, target: 2, since: "2024".into() })).unwrap();
    assert_eq!(done(repo.delete(&follow)).unwrap(), 1);
}

#[test]
fn upsert_inserts_or_changes_and_leaves_what_is_none() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let email = Some("ada@example.org");
    let again = NewUser { name: "Countess", email, age: None };
    let user: User = done(repo.upsert(users::table, &again, users::email)).unwrap();
    assert_eq!((user.id, user.name.as_str(), user.age), (1, "Countess", Some(36)));
    let new = NewUser { name: "Eve", email: Some("eve@example.org"), age: None };
    let user: User = done(repo.upsert(users::table, &new, users::email)).unwrap();
    assert_eq!((user.id, user.age), (3, Some(18)));
    let follow = |since: &str| Follow { source: 1, target: 2, since: since.into() };
    let key = (follows::source, follows::target);
    for since in ["2024", "2025"] {
        let row: Follow = done(repo.upsert(follows::table, &follow(since), key)).unwrap();
        assert_eq!(row, follow(since));
    }
    assert_eq!(done(repo.count(follows::table)).unwrap(), 1);
}

#[test]
fn upsert_with_nothing_to_change_gives_the_row_that_is_there() {
    diesel::table! { tags { id -> Integer, name -> Nullable<Text>, } }
    #[derive(Insertable, AsChangeset)]
    #[diesel(table_name = tags)]
    struct NewTag {
        id: i32,
        name: Option<&'static str>,
    }
    #[derive(Queryable, Selectable, Debug, PartialEq)]
    struct Tag {
        id: i32,
        name: Option<String>,
    }
    let test = TestRepo::new();
    let create = "CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT)";
    done(test.repo.execute(diesel::sql_query(create))).unwrap();
    for name in [Some("x"), None, Some("x")] {
        let tag: Tag = done(test.repo.upsert(tags::table, &NewTag { id: 1, name }, tags::id)).unwrap();
        assert_eq!(tag, Tag { id: 1, name: Some("x".into()) });
    }
}

#[test]
fn execute_takes_any_statement() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let renamed = diesel::update(users::table.find(1)).set(users::name.eq("A"));
    assert_eq!(done(repo.execute(renamed)).unwrap(), 1);
    assert_eq!(done(repo.execute(diesel::sql_query("UPDATE users SET age = 1"))).unwrap(), 2);
    assert_eq!(done(repo.execute(diesel::delete(users::table.find(1)).into_boxed())).unwrap(), 1);
    // Diesel's batch inserts, with and without fields that may be left out.
    let rows = vec![named("Eve"), NewUser { name: "Dan", email: None, age: Some(4) }];
    assert_eq!(done(repo.execute(diesel::insert_into(users::table).values(&rows))).unwrap(), 2);
    let posts = vec![
        (posts::id.eq(1), posts::user_id.eq(1), posts::title.eq("One")),
        (posts::id.eq(2), posts::user_id.eq(1), posts::title.eq("Two")),
    ];
    assert_eq!(done(repo.execute(diesel::insert_into(posts::table).values(&posts))).unwrap(), 2);
    let again = diesel::insert_into(posts::table)
        .values(&posts)
        .on_conflict(posts::id)
        .do_update()
        .set(posts::title.eq(excluded(posts::title)));
    assert_eq!(done(repo.execute(again)).unwrap(), 2);
    assert_eq!(done(repo.execute(diesel::insert_or_ignore_into(posts::table).values(&posts))).unwrap(), 0);
    assert_eq!(done(repo.count(posts::table)).unwrap(), 2);
}

#[test]
fn what_runs_outside_a_transaction_runs_alone() {
    let test = TestRepo::with_users();
    let vacuum = || diesel::sql_query("VACUUM");
    done(test.repo.execute(vacuum())).unwrap();
    let error = done(test.repo.batch().execute(vacuum()).execute(vacuum())).unwrap_err();
    assert!(error.to_string().contains("alone"), "{error}");
}

#[test]
fn what_would_change_the_writers_connection_is_refused() {
    let test = TestRepo::with_users();
    for text in [
        "PRAGMA foreign_keys = OFF",
        "pragma main.synchronous(off)",
        "ATTACH 'x.db' AS x",
        "CREATE TEMP TABLE t (a)",
    ] {
        let error = done(test.repo.execute(diesel::sql_query(text))).unwrap_err();
        assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        assert!(error.to_string().contains("on_open"), "{error}");
    }
    done(test.repo.execute(diesel::sql_query("PRAGMA user_version = 5"))).unwrap();
    let version: Vec<i32> =
        done(test.repo.all(diesel::dsl::sql::<diesel::sql_types::Integer>("PRAGMA user_version"))).unwrap();
    assert_eq!(version, [5]);
    let error = done(test.repo.execute(diesel::sql_query("COMMIT"))).unwrap_err();
    assert!(matches!(error, Error::Rejected(_)), "{error:?}");
}

#[test]
fn returning_gives_the_rows_of_a_statement() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let all = diesel::update(users::table).set(users::age.eq(1));
    assert_eq!(done(repo.returning::<User>(all)).unwrap().len(), 2);
    let insert = diesel::insert_into(users::table).values(named("Eve")).returning(users::id);
    assert_eq!(done(repo.returning_one::<i32>(insert)).unwrap(), 3);
    let gone = diesel::delete(users::table.find(9)).returning(User::as_returning());
    assert!(matches!(done(repo.returning_one(gone)), Err(Error::NotFound)));
    let gone: Vec<User> = done(repo.returning(diesel::delete(users::table.find(3)))).unwrap();
    assert_eq!(gone[0].name, "Eve");
}

#[test]
fn a_batch_is_all_or_nothing_in_one_request() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let before = test.writes();
    let rows = vec![named("Eve"), named("Dan")];
    let counts = done(
        repo.batch()
            .execute(diesel::update(users::table).set(users::age.eq(1)))
            .execute(diesel::insert_into(users::table).values(&rows))
            .execute(diesel::delete(users::table.find(9))),
    )
    .unwrap();
    assert_eq!(counts, [2, 2, 0]);
    assert_eq!(test.writes(), before + 1);
    let failing = repo
        .batch()
        .execute(diesel::delete(users::table))
        .execute(diesel::sql_query("INSERT INTO users (id) VALUES (1)"));
    assert!(matches!(done(failing), Err(Error::Rejected(_))));
    assert_eq!(done(repo.count(users::table)).unwrap(), 4);
    assert!(done(repo.batch()).unwrap().is_empty());
    let (counts, position) = done(
        repo.batch()
            .ack(crate::Ack::Committed)
            .timeout(Duration::from_secs(1))
            .execute(diesel::delete(users::table))
            .with_position(),
    )
    .unwrap();
    assert_eq!((counts, position), (vec![4], done(repo.position()).unwrap()));
}

#[test]
fn closures_run_blocking_diesel_code() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let names: Vec<String> =
        done(repo.run(|conn| Ok::<_, Error>(users::table.select(users::name).load(conn)?))).unwrap();
    assert_eq!(names, ["Ada", "Bob"]);
    let failed: Result<(), DieselError> = done(repo.transaction(|conn| {
        diesel::delete(users::table).execute(conn)?;
        Err(DieselError::RollbackTransaction)
    }));
    assert_eq!(failed, Err(DieselError::RollbackTransaction));
    assert_eq!(users::table.count().get_result(&mut repo.connection().unwrap()), Ok(2_i64));
}
