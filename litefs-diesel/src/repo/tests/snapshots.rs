//! `read_transaction`: one snapshot, which only reads, for a bounded time.

use std::time::Instant;

use super::*;
use crate::{Ack, ReadLevel, outcome};

fn count(conn: &mut LitefsConnection) -> QueryResult<i64> {
    users::table.count().get_result(conn)
}

/// With a limit that is over soon.
fn impatient() -> TestRepo {
    TestRepo::with(|settings| settings.read_transaction(Duration::from_millis(100)).pool_size(1)).and_users()
}

fn is_over(error: &DieselError) -> bool {
    let text = outcome(error).map(ToString::to_string).unwrap_or_default();
    text.contains("setting `read_transaction`") && text.contains("100ms")
}

#[test]
fn all_reads_of_a_read_transaction_see_one_snapshot() {
    let test = TestRepo::with_users();
    let other = test.repo.clone();
    let seen = done(test.repo.read_transaction(move |conn| {
        let before = count(conn)?;
        done(other.execute(diesel::insert_into(users::table).values(named("Eve"))))?;
        let names: Vec<String> = users::table.select(users::name).order(users::id).load(conn)?;
        // A savepoint is one of the reader's own.
        let nested = conn.transaction(count)?;
        Ok::<_, Error>((before, names.len(), nested))
    }));
    assert_eq!(seen.unwrap(), (2, 2, 2));
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 3);
    assert_eq!((test.writes(), test.node.reads.load(Ordering::Relaxed)), (2, 0), "the primary is not asked");
}

#[test]
fn a_write_in_it_is_refused_by_a_name_to_use_instead_and_it_goes_on() {
    let test = TestRepo::with_users();
    let refused = done(test.repo.read_transaction(|conn| {
        let mut told = Vec::new();
        told.push(diesel::delete(users::table).execute(conn).unwrap_err());
        told.push(diesel::delete(users::table).returning(users::id).load::<i32>(conn).unwrap_err());
        for text in [
            "INSERT INTO users (name) VALUES ('x')",
            "SELECT 1; DELETE FROM users",
            "CREATE TEMP TABLE t (a)",
            "ATTACH ':memory:' AS x",
            "PRAGMA cache_size = 5",
            "VACUUM",
        ] {
            told.push(conn.batch_execute(text).expect_err(text));
        }
        told.push(conn.transaction(|conn| diesel::delete(users::table).execute(conn)).unwrap_err());
        conn.batch_execute("SELECT 1; PRAGMA user_version").unwrap();
        assert_eq!(count(conn), Ok(2));
        QueryResult::Ok(told)
    }));
    for error in refused.unwrap() {
        let told = outcome(&error);
        let expected = Some(&Error::WriteInRead { method: "read_transaction", instead: "transaction" });
        assert_eq!(told.map(ToString::to_string), expected.map(ToString::to_string), "{error:?}");
    }
    // The connection is as ever afterwards.
    done(test.repo.run(|conn| diesel::delete(users::table).execute(conn))).unwrap();
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 0);
}

#[test]
fn a_snapshot_whose_time_is_over_is_given_up_and_says_which_setting() {
    let test = impatient();
    let other = test.repo.clone();
    let seen = done(test.repo.read_transaction(move |conn| {
        let before = count(conn)?;
        // There is one reader: it is free again, though this closure is not at its end.
        done(other.count(users::table)).unwrap();
        let late = count(conn).unwrap_err();
        assert!(is_over(&late), "{late}");
        assert!(is_over(&count(conn).unwrap_err()), "and so is the next");
        assert!(conn.transaction(count).is_err());
        QueryResult::Ok(before)
    }));
    assert_eq!(seen, Ok(2), "what was read in time is good");
    assert_eq!(done(test.repo.read_transaction(count)), Ok(2));
}

#[test]
fn a_long_read_is_cut_short_by_the_limit() {
    let test = impatient();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        #[allow(dead_code)]
        id: i32,
    }
    let began = Instant::now();
    let error = done(
        test.repo.read_transaction(move |conn| diesel::sql_query(endless).load::<Row>(conn).map(|_| ())),
    );
    assert!(is_over(&error.unwrap_err()));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 2);
}

#[test]
fn it_waits_for_the_position_that_is_asked_for() {
    let test = TestRepo::with_users();
    let position = done(test.repo.position()).unwrap();
    assert_eq!(done(test.repo.read_transaction(count).at(ReadLevel::AtLeast(position))), Ok(2));
    assert_eq!(*test.node.waited_for.lock().unwrap(), Some(position));
    let ahead = crate::Position { txid: 9, ..position };
    let error = done(test.repo.read_transaction(count).at(ReadLevel::AtLeast(ahead))).unwrap_err();
    assert!(matches!(outcome(&error), Some(Error::ReadTimeout { .. })), "{error:?}");
}

#[test]
fn a_snapshot_of_the_primary_only_reads_too_and_leaves_nothing() {
    let test = TestRepo::with_users();
    let refused = done(
        test.repo
            .read_transaction(|conn| {
                assert_eq!(count(conn), Ok(2));
                let refused = diesel::delete(users::table).execute(conn).unwrap_err();
                QueryResult::Ok(matches!(outcome(&refused), Some(Error::WriteInRead { .. })))
            })
            .at(ReadLevel::Primary),
    );
    assert_eq!(refused, Ok(true));
    let (_, position) = done(test.repo.delete_all(users::table).ack(Ack::Visible).with_position()).unwrap();
    assert_eq!(position.txid, 2, "nothing was committed in between");
}

#[test]
fn a_read_transaction_begins_outside_of_any_other() {
    let test = TestRepo::with_users();
    let nested: Result<i64, Error> = done(test.repo.transaction(|conn| Ok(conn.read_transaction(count)?)));
    assert!(matches!(nested, Err(Error::Rejected(DieselError::AlreadyInTransaction))), "{nested:?}");
}

#[test]
fn one_that_panics_leaves_no_snapshot_open() {
    let test = TestRepo::with_users();
    let run = test.repo.read_transaction(|conn| -> QueryResult<()> {
        count(conn)?;
        panic!("the closure's own")
    });
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| done(run))).is_err());
    // The only reader is free, and so is the only connection.
    assert_eq!(done(test.repo.read_transaction(count)), Ok(2));
}

#[test]
fn alone_it_only_reads_too_and_writes_are_let_again_afterwards() {
    let mut conn = LitefsConnection::establish(":memory:").unwrap();
    conn.batch_execute(SCHEMA).unwrap();
    let refused = conn.read_transaction(|conn| {
        assert_eq!(count(conn), Ok(0));
        QueryResult::Ok(diesel::insert_into(users::table).values(named("Eve")).execute(conn).is_err())
    });
    assert_eq!(refused, Ok(true));
    assert_eq!(diesel::insert_into(users::table).values(named("Eve")).execute(&mut conn), Ok(1));
}
