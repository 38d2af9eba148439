//! Closures in a transaction: their level, their time, and running them again.

use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::*;
use crate::Ack;
use crate::error::NotExecuted;

fn rename(conn: &mut LitefsConnection) -> Result<usize, Error> {
    Ok(diesel::update(users::table).set(users::name.eq(users::name.concat("!"))).execute(conn)?)
}

fn names(test: &TestRepo) -> Vec<String> {
    done(test.repo.all(users::table.select(users::name).order(users::id))).unwrap()
}

/// Counts how often the closure runs that renames all users.
fn counting(runs: &Arc<AtomicUsize>) -> impl FnMut(&mut LitefsConnection) -> Result<usize, Error> + use<> {
    let runs = Arc::clone(runs);
    move |conn| {
        runs.fetch_add(1, Ordering::SeqCst);
        rename(conn)
    }
}

fn end_commits(test: &TestRepo, with: impl IntoIterator<Item = Error>) {
    test.node.commits_end.lock().unwrap().extend(with);
}

#[test]
fn a_commit_has_the_level_of_its_call_and_the_next_one_the_usual() {
    let test = TestRepo::with_users();
    let level = || test.node.ack.lock().unwrap().take();
    done(test.repo.transaction(rename).ack(Ack::Replicated(1))).unwrap();
    assert_eq!(level(), Some(Ack::Replicated(1)));
    done(test.repo.transaction(rename)).unwrap();
    assert_eq!(level(), Some(Ack::Visible));
    let within = |conn: &mut LitefsConnection| {
        conn.set_ack(Ack::Everywhere);
        rename(conn)
    };
    done(test.repo.run(within)).unwrap();
    assert_eq!(level(), Some(Ack::Everywhere));
    done(test.repo.run(rename)).unwrap();
    assert_eq!(level(), Some(Ack::Visible));
    let mut conn = test.repo.connection().unwrap();
    conn.set_ack(Ack::Committed);
    assert_eq!(conn.ack(), Ack::Committed);
    conn.transaction(rename).unwrap();
    assert_eq!(level(), Some(Ack::Committed));
}

#[test]
fn a_transaction_that_did_not_run_is_run_again_and_is_there_once() {
    let test = TestRepo::with_users();
    let runs = Arc::default();
    end_commits(
        &test,
        [NotExecuted::NotPrimary, NotExecuted::TransactionEnded("it moved".into())].map(Error::NotExecuted),
    );
    done(test.repo.retrying_transaction(counting(&runs))).unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(names(&test), ["Ada!", "Bob!"]);
}

#[test]
fn without_being_told_to_nothing_runs_again() {
    let test = TestRepo::with_users();
    let runs = Arc::default();
    end_commits(&test, [Error::NotExecuted(NotExecuted::NotPrimary)]);
    let error = done(test.repo.transaction(counting(&runs))).unwrap_err();
    assert!(matches!(error, Error::NotExecuted(NotExecuted::NotPrimary)), "{error:?}");
    assert_eq!((runs.load(Ordering::SeqCst), names(&test)), (1, vec!["Ada".into(), "Bob".into()]));
}

#[test]
fn nothing_runs_again_after_an_outcome_by_which_it_may_be_there() {
    let position = crate::Position { txid: 9, checksum: 9 };
    for end in [
        Error::Unknown { why: "the answer was lost".into() },
        Error::Lost { position },
        Error::CommittedNotVisible { position, value: Default::default() },
        Error::CommittedNotReplicated { position, have: vec![], missing: vec![], value: Default::default() },
        Error::CommittedNotKept { position },
        Error::Rejected(DieselError::RollbackTransaction),
        // Nor where another time would end in the same way.
        Error::NotExecuted(NotExecuted::Refused("not served".into())),
        Error::NotExecuted(NotExecuted::ShuttingDown),
        Error::NotExecuted(NotExecuted::TooLarge(crate::error::Bound::new("limits.binds", 3))),
    ] {
        let test = TestRepo::with_users();
        let (runs, text) = (Arc::default(), end.to_string());
        end_commits(&test, [end]);
        let error = done(test.repo.retrying_transaction(counting(&runs))).unwrap_err();
        assert_eq!((error.to_string(), runs.load(Ordering::SeqCst)), (text, 1));
    }
}

#[test]
fn an_error_of_the_closure_or_of_the_database_is_final() {
    let test = TestRepo::with_users();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let failed: Result<(), Error> = done(test.repo.retrying_transaction(move |conn| {
        counted.fetch_add(1, Ordering::SeqCst);
        diesel::insert_into(users::table).values((users::id.eq(1), users::name.eq("x"))).execute(conn)?;
        Ok(())
    }));
    assert!(matches!(failed, Err(Error::Rejected(_))), "{failed:?}");
    let counted = Arc::clone(&runs);
    let failed: Result<(), Error> = done(test.repo.retrying_transaction(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Err(Error::NotFound)
    }));
    assert!(matches!(failed, Err(Error::NotFound)), "{failed:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[test]
fn running_again_ends_by_the_deadline_with_the_last_outcome() {
    let test = TestRepo::with_users();
    let runs = Arc::default();
    let never = std::iter::repeat_with(|| {
        Error::NotExecuted(NotExecuted::Overloaded(crate::error::Bound::new("queue_length", 1)))
    })
    .take(100_000);
    end_commits(&test, never);
    let (began, timeout) = (Instant::now(), Duration::from_millis(300));
    let error = done(test.repo.retrying_transaction(counting(&runs)).timeout(timeout)).unwrap_err();
    assert!(matches!(error, Error::NotExecuted(NotExecuted::Overloaded(_))), "{error:?}");
    assert!(began.elapsed() < timeout + Duration::from_millis(250), "{:?}", began.elapsed());
    assert!(runs.load(Ordering::SeqCst) > 2);
    assert_eq!(names(&test), ["Ada", "Bob"]);
}

#[test]
fn a_part_of_a_transaction_cannot_be_run_again_by_itself() {
    let test = TestRepo::with_users();
    let nested: Result<usize, Error> = done(test.repo.transaction(|conn| conn.retrying_transaction(rename)));
    assert!(matches!(nested, Err(Error::Rejected(DieselError::AlreadyInTransaction))), "{nested:?}");
}

#[test]
fn the_time_of_a_closure_bounds_the_calls_in_it() {
    let test = TestRepo::with_users();
    let timeout = Duration::from_millis(50);
    let late: Result<usize, Error> = done(
        test.repo
            .run(move |conn| {
                let until = Instant::now() + timeout;
                while Instant::now() < until {
                    std::thread::yield_now();
                }
                rename(conn)
            })
            .timeout(timeout),
    );
    assert!(matches!(late, Err(Error::NotExecuted(NotExecuted::Expired))), "{late:?}");
    // The next closure on the same connection has its own.
    done(test.repo.run(rename)).unwrap();
}
