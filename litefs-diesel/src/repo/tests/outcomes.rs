//! What a write's caller gets when it is committed and something else went wrong.

use super::*;

#[test]
fn a_write_that_is_not_visible_yet_keeps_its_own_value() {
    let test = TestRepo::with_users();
    test.node.visible.store(false, Ordering::Relaxed);
    let error = done(test.repo.insert::<User, _>(users::table, &named("Eve"))).unwrap_err();
    assert_eq!(error.value::<User>().map(|user| user.name.as_str()), Some("Eve"));
    assert_eq!(error.position().map(|position| position.txid), Some(2));
    let error = done(test.repo.delete_all(users::table).with_position()).unwrap_err();
    assert_eq!(error.value::<usize>(), Some(&3));
    assert!(error.position().is_some());
    let error = done(test.repo.batch().execute(diesel::delete(users::table))).unwrap_err();
    assert_eq!(error.value::<Vec<usize>>(), Some(&vec![0]));
}

#[test]
fn a_write_that_is_not_replicated_yet_keeps_its_own_value_and_who_has_it() {
    let test = TestRepo::with_users();
    test.node.visible.store(false, Ordering::Relaxed);
    let insert = test.repo.insert::<User, _>(users::table, &named("Eve")).ack(crate::Ack::Replicated(2));
    let error = done(insert).unwrap_err();
    let Error::CommittedNotReplicated { position, have, missing, .. } = &error else { panic!("{error:?}") };
    assert_eq!(
        (position.txid, have.as_slice(), missing.as_slice()),
        (2, &["ams".into()][..], &["ord".into()][..])
    );
    assert_eq!(error.value::<User>().map(|user| user.name.as_str()), Some("Eve"));
}

#[test]
fn a_committed_write_whose_rows_do_not_fit_says_that_it_is_done() {
    let test = TestRepo::new();
    // SQLite keeps a text in an INTEGER column when it is no number.
    for visible in [true, false] {
        test.node.visible.store(visible, Ordering::Relaxed);
        let insert =
            diesel::sql_query("INSERT INTO users (name) VALUES (x'ff') RETURNING name AS id, NULL AS name");
        #[derive(QueryableByName, Debug)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            #[allow(dead_code)]
            name: String,
        }
        let error = done(test.repo.returning::<Row>(insert)).unwrap_err();
        let Error::CommittedNotDecoded { position, source } = &error else { panic!("{error:?}") };
        assert!(matches!(source, DieselError::DeserializationError(_)), "{source:?}");
        assert_eq!(position.txid, if visible { 1 } else { 2 });
        assert!(!error.is_retryable());
    }
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 2);
}

#[test]
fn a_closure_whose_committed_rows_do_not_fit_is_not_told_that_nothing_changed() {
    let test = TestRepo::with_users();
    let run = test.repo.run(|conn| {
        let insert = diesel::sql_query("INSERT INTO users (name) VALUES (x'ff') RETURNING name AS n");
        #[derive(QueryableByName, Debug)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            #[allow(dead_code)]
            n: String,
        }
        insert.get_result::<Row>(conn).map_err(Error::from)
    });
    let error = done(run).unwrap_err();
    assert!(matches!(error, Error::NotDecoded(DieselError::DeserializationError(_))), "{error:?}");
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 3);
}

#[test]
fn a_closure_gets_the_count_of_a_write_that_is_not_visible_yet() {
    let test = TestRepo::with_users();
    test.node.visible.store(false, Ordering::Relaxed);
    let run = test.repo.run(|conn| diesel::delete(users::table).execute(conn).map_err(Error::from));
    let error = done(run).unwrap_err();
    assert_eq!(error.value::<usize>(), Some(&2));
    assert!(error.position().is_some());
}

#[test]
fn more_rows_than_one_are_an_error_that_says_that_the_write_is_done() {
    let test = TestRepo::with_users();
    let all = diesel::update(users::table).set(users::age.eq(1)).returning(users::id);
    let error = done(test.repo.returning_one::<i32>(all)).unwrap_err();
    assert!(matches!(error, Error::CommittedNotDecoded { .. }), "{error:?}");
    assert!(error.to_string().contains("2 rows"), "{error}");
}

#[test]
fn a_value_that_cannot_be_serialised_is_told_when_awaited() {
    use diesel::serialize::{Output, ToSql};
    use diesel::sql_types::Text;
    use diesel::sqlite::Sqlite;
    #[derive(Debug, diesel::expression::AsExpression)]
    #[diesel(sql_type = Text)]
    struct Broken;
    impl ToSql<Text, Sqlite> for Broken {
        fn to_sql<'b>(&'b self, _: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
            Err("no form in SQL".into())
        }
    }
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let write = repo.insert::<User, _>(users::table, users::name.eq(Broken));
    assert!(matches!(done(write), Err(Error::Rejected(DieselError::SerializationError(_)))));
    let batch = repo
        .batch()
        .execute(diesel::delete(users::table))
        .execute(diesel::update(users::table).set(users::name.eq(Broken)));
    assert!(matches!(done(batch), Err(Error::Rejected(DieselError::SerializationError(_)))));
    let read = repo.all::<i32>(users::table.filter(users::name.eq(Broken)).select(users::id));
    assert!(matches!(done(read), Err(Error::Read(DieselError::SerializationError(_)))));
    assert_eq!(done(repo.count(users::table)).unwrap(), 2);
}
