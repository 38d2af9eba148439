//! What the methods return is lazy, owns everything, and runs on any executor.

use std::pin::pin;
use std::task::{Context, Waker};

use futures::future::join_all;

use super::*;
use crate::repo::{Batch, Read, RowStream, Run, Write};

#[test]
fn builders_are_send_unpin_and_own_everything() {
    fn check<F: Send + Unpin + 'static>() {}
    check::<Read<Vec<User>>>();
    check::<Write<User>>();
    check::<Write<(User, Position)>>();
    check::<Batch>();
    check::<RowStream<User>>();
    check::<Run<User, Error>>();
    fn handle<H: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    handle::<RepoHandle>();
}

#[test]
fn nothing_runs_until_it_is_polled() {
    let test = TestRepo::with_users();
    let repo = &test.repo;
    let before = test.writes();
    drop(repo.insert::<User, _>(users::table, &named("Eve")));
    drop(repo.insert_all(users::table, [named("Eve")]));
    drop(repo.delete_all(users::table).with_position());
    drop(repo.batch().execute(diesel::delete(users::table)));
    drop(repo.run(|conn| diesel::delete(users::table).execute(conn)));
    drop(repo.stream::<User>(users::table));
    drop(repo.all::<User>(users::table).at(crate::ReadLevel::Primary));
    let later = repo.delete_all(users::table);
    assert_eq!(done(repo.count(users::table)).unwrap(), 2);
    assert_eq!(test.writes(), before);
    assert_eq!(done(later).unwrap(), 2);
}

#[test]
fn a_call_dropped_while_it_runs_harms_nobody() {
    let test = TestRepo::with_users();
    for _ in 0..100 {
        let mut read = pin!(test.repo.all::<User>(users::table));
        let _ = read.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    assert_eq!(done(test.repo.count(users::table)).unwrap(), 2);
}

#[test]
fn calls_are_joined_and_selected() {
    let test = TestRepo::with_users();
    let inserted = done(join_all(
        (0..20).map(|i| test.repo.insert::<User, _>(users::table, users::name.eq(i.to_string()))),
    ));
    assert!(inserted.into_iter().all(|user| user.is_ok()));
    let counts = done(join_all((0..20).map(|_| test.repo.count(users::table))));
    assert!(counts.into_iter().all(|count| count.unwrap() == 22));
}

#[test]
fn calls_run_on_tokio_too() {
    let test = TestRepo::with_users();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let repo = test.repo.clone();
    runtime.block_on(async move {
        let insert = tokio::spawn(repo.insert::<User, _>(users::table, &named("Eve")));
        assert_eq!(insert.await.unwrap().unwrap().name, "Eve");
        let count = tokio::time::timeout(Duration::from_secs(10), repo.count(users::table)).await;
        assert_eq!(count.unwrap().unwrap(), 3);
        let names = repo.run(|conn| users::table.select(users::name).load::<String>(conn)).await;
        assert_eq!(names, Ok(vec!["Ada".to_owned(), "Bob".to_owned(), "Eve".to_owned()]));
    });
}

#[test]
#[should_panic(expected = "the closure's own")]
fn a_panic_in_a_closure_is_its_callers() {
    let test = TestRepo::new();
    let _: Result<(), Error> = done(test.repo.run(|_| panic!("the closure's own")));
}

#[test]
fn the_node_s_own_calls_answer() {
    use futures::StreamExt;
    let test = TestRepo::new();
    assert!(test.repo.role().is_primary());
    assert_eq!(done(test.repo.roles().collect::<Vec<_>>()), [Role::Primary, Role::NoLeader]);
    done(test.repo.ready()).unwrap();
    assert!(test.repo.health().accepting);
    done(test.repo.shutdown()).unwrap();
}
