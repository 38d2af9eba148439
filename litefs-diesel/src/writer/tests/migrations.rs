//! Plans of migrations, as requests of their own.

use super::*;
use crate::migrate::testing::{bare, plan, step, up};
use crate::migrate::{Cause, Done, Failure, Fate, Kind, Plan};
use crate::request::{Ask, Stamp};

const REBUILD: &str = "PRAGMA foreign_keys = OFF; CREATE TABLE new_t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, \
                       age INTEGER); INSERT INTO new_t SELECT id, name, 1 FROM t; DROP TABLE t; \
                       ALTER TABLE new_t RENAME TO t";

/// One attempt.
async fn migrate(bench: &Bench, plan: Plan) -> Result<(Result<Vec<Done>, Failure>, Position), Refusal> {
    let written = bench.writer.run(bench.writer.stamp(), Write::migrate(plan)).await?;
    Ok((written.plan().unwrap(), written.position))
}

fn ran(done: &[Done]) -> Vec<bool> {
    done.iter().map(|done| done.ran).collect()
}

fn versions(bench: &Bench) -> Vec<String> {
    crate::migrate::applied(&mut bench.patient()).unwrap()
}

#[tokio::test]
async fn a_plan_that_many_ask_for_at_once_runs_once_and_all_are_told_where() {
    let bench = bench_on(true, |repo| repo);
    let steps = || plan([up("1", "CREATE TABLE a (x)"), up("2", "INSERT INTO a VALUES (1)")]);
    let answers = futures::future::join_all((0..5).map(|_| migrate(&bench, steps()))).await;
    let mut first = 0;
    for answer in answers {
        let (done, position) = answer.unwrap();
        let done = done.unwrap();
        first += usize::from(ran(&done) == [true, true]);
        assert!(position.txid > 0, "who did not run it has to see it, too");
    }
    assert_eq!((first, bench.rows("a"), versions(&bench)), (1, 1, vec!["1".into(), "2".into()]));
}

#[tokio::test]
async fn writes_and_prepared_statements_go_on_around_a_plan() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.write(insert("a"), terms()).await.unwrap();
    let writes = (0..20).map(|i| bench.writer.write(insert(&format!("n{i}")), terms()));
    let sent: Vec<_> = writes.collect();
    let migrated = migrate(&bench, plan([up("1", REBUILD)])).await.unwrap();
    assert_eq!(ran(&migrated.0.unwrap()), [true]);
    assert!(futures::future::join_all(sent).await.iter().all(Result::is_ok));
    bench.writer.write(insert("b"), terms()).await.unwrap();
    // Under its id it is found, though the connection is another.
    let stamp = bench.writer.stamp();
    for again in [false, true] {
        bench.writer.run(Stamp { again, ..stamp }, insert("once")).await.unwrap();
        migrate(&bench, plan([up(&format!("2{again}"), "CREATE INDEX IF NOT EXISTS i ON t (age)")]))
            .await
            .unwrap()
            .0
            .unwrap();
    }
    assert_eq!(bench.number("SELECT count(*) FROM t"), 23);
}

#[tokio::test]
async fn a_failure_in_the_middle_keeps_what_came_before_and_says_where_it_is() {
    let bench = bench_on(true, |repo| repo);
    let steps =
        [up("1", "CREATE TABLE a (x)"), up("2", "CREATE TABLE b (x);\nSELECT missing"), up("3", "SELECT 3")];
    let (failure, position) = migrate(&bench, plan(steps)).await.unwrap();
    let failure = failure.unwrap_err();
    assert_eq!(failure.cause, Cause::Sql("no such column: missing".into()));
    assert!(failure.to_string().ends_with("kept is what ran before it: 1_name"), "{failure}");
    assert!(position.txid > 0);
    assert_eq!(versions(&bench), ["1"]);
    let (failure, position) = migrate(&bench, plan([up("2", "SELECT missing")])).await.unwrap();
    assert!(!failure.unwrap_err().left_something());
    assert_eq!(position, Position::ZERO, "there is nothing to wait for");
}

#[tokio::test]
async fn foreign_keys_hold_again_after_a_migration_that_turned_them_off_and_after_one_that_failed() {
    let bench = bench(|repo| repo);
    bench.writer.write(insert("a"), terms()).await.unwrap();
    for wrong in [
        format!("{REBUILD}; SELECT missing"),
        "PRAGMA foreign_keys = OFF; INSERT INTO child VALUES (99)".into(),
    ] {
        migrate(&bench, plan([up("1", &wrong)])).await.unwrap().0.unwrap_err();
    }
    migrate(&bench, plan([up("1", REBUILD), bare("2", "PRAGMA foreign_keys = OFF; PRAGMA cache_size = 7")]))
        .await
        .unwrap()
        .0
        .unwrap();
    let orphan = request(&["INSERT INTO child VALUES (99)"]);
    assert!(matches!(
        rejected(bench.writer.write(orphan, terms()).await).0,
        DatabaseErrorKind::ForeignKeyViolation
    ));
    assert_eq!(bench.names(), ["a"]);
}

#[tokio::test]
async fn one_without_a_transaction_runs_by_itself_and_keeps_what_came_before_its_failure() {
    let bench = bench(|repo| repo);
    migrate(&bench, plan([bare("1", "CREATE TABLE a (x); VACUUM")])).await.unwrap().0.unwrap();
    let failed = migrate(&bench, plan([bare("2", "CREATE TABLE b (x); SELECT missing")])).await.unwrap().0;
    assert_eq!(failed.unwrap_err().fate, Fate::Partly);
    assert_eq!((bench.rows("b"), versions(&bench)), (0, vec!["1".into()]));
    bench.writer.write(insert("a"), terms()).await.unwrap();
}

#[tokio::test]
async fn a_plan_stops_at_its_deadline_between_two_steps() {
    // Longer than the deadline, and not than what is waited for the answer of what has begun.
    // One pause: on a busy machine sixty short ones take a second.
    let slow = "SELECT pause(60)";
    let pausing = bench_with(
        false,
        |repo| repo,
        |conn| {
            pause_utils::register_nondeterministic_impl(conn, |ms: i32| {
                std::thread::sleep(Duration::from_millis(ms.unsigned_abs().into()));
                ms
            })
        },
        Fake::new(),
    );
    let until = Instant::now() + Duration::from_millis(30);
    let ask = Ask::Run(Write::migrate(plan([up("1", slow), up("2", "SELECT 2")])));
    let request = crate::request::WriteRequest { stamp: pausing.writer.stamp(), ask };
    let written = pausing.writer.writer.write(request, until.into()).await.unwrap();
    let failure = written.plan().unwrap().unwrap_err();
    assert_eq!((&failure.cause, failure.fate), (&Cause::Late, Fate::NotRun));
    assert!(failure.to_string().ends_with("kept is what ran before it: 1_name"), "{failure}");
    assert_eq!(versions(&pausing), ["1"]);
}

diesel::define_sql_function!(fn pause(ms: diesel::sql_types::Integer) -> diesel::sql_types::Integer);

#[tokio::test]
async fn a_primary_that_is_one_no_more_stops_and_says_what_it_may_have_kept() {
    let role = Fake::new();
    let change = Arc::clone(&role);
    let bench = bench_with(
        true,
        |repo| repo,
        move |conn| {
            let change = Arc::clone(&change);
            demote_utils::register_nondeterministic_impl(conn, move |epoch: i32| {
                change.epoch.store(u64::try_from(epoch).unwrap(), Ordering::SeqCst);
                epoch
            })
        },
        role,
    );
    // The step in which it happens may be kept or not; the next one does not run.
    let steps = [up("1", "SELECT 1"), up("2", "SELECT demote(2)"), up("3", "SELECT 3")];
    let Err(Refusal::Unknown(why)) = migrate(&bench, plan(steps)).await else { panic!() };
    assert!(why.contains("Nobody can tell whether 2_name is kept"), "{why}");
    assert!(why.ends_with("kept is what ran before it: 1_name"), "{why}");
    bench.role.epoch.store(0, Ordering::SeqCst);
    let refused = migrate(&bench, plan([up("3", "SELECT 3")])).await;
    assert_eq!(refused, Err(Refusal::NotPrimary { hint: None }));
    bench.role.epoch.store(3, Ordering::SeqCst);
    migrate(&bench, plan([up("3", "SELECT 3")])).await.unwrap().0.unwrap();
    // LiteFS goes away in the middle: the rows are in SQLite, and perhaps nowhere else.
    bench.role.held.store(true, Ordering::SeqCst);
    assert!(matches!(migrate(&bench, plan([up("4", "SELECT 4")])).await, Err(Refusal::Unknown(_))));
}

diesel::define_sql_function!(fn demote(epoch: diesel::sql_types::Integer) -> diesel::sql_types::Integer);

#[tokio::test]
async fn a_database_that_another_process_has_locked_is_busy_and_nothing_ran() {
    let bench = bench(|repo| repo);
    let mut other = bench.direct();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(migrate(&bench, plan([up("1", "SELECT 1")])).await, Err(Refusal::Busy(_))));
    other.batch_execute("ROLLBACK").unwrap();
    migrate(&bench, plan([up("1", "SELECT 1")])).await.unwrap().0.unwrap();
}

#[tokio::test]
async fn what_litefs_would_not_survive_is_refused_with_its_step_alone() {
    let bench = bench_on(true, |repo| repo);
    bench.change("CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(4096 * 300))");
    let steps = [up("1", "SELECT 1"), bare("2", "VACUUM")];
    let failure = migrate(&bench, plan(steps)).await.unwrap().0.unwrap_err();
    assert!(matches!(&failure.cause, Cause::Refused(why) if why.contains("VACUUM INTO")), "{failure}");
    assert_eq!(versions(&bench), ["1"]);
}

#[tokio::test]
async fn a_revert_runs_and_a_plan_among_others_is_refused() {
    let bench = bench(|repo| repo);
    migrate(&bench, plan([up("1", "CREATE TABLE a (x)")])).await.unwrap().0.unwrap();
    let down = plan([step(Kind::Down, "1", "DROP TABLE a")]);
    assert_eq!(ran(&migrate(&bench, down.clone()).await.unwrap().0.unwrap()), [true]);
    let among = Write { alone: false, ..Write::migrate(down) };
    let refused = bench.writer.run(bench.writer.stamp(), among).await;
    assert!(matches!(refused, Err(Refusal::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_lock_is_waited_for_until_the_deadline_and_then_told() {
    let bench = bench(|repo| repo.busy_timeout(Duration::from_secs(30)));
    let mut other = bench.direct();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let until = Instant::now() + Duration::from_millis(200);
    let request = crate::request::WriteRequest {
        stamp: bench.writer.stamp(),
        ask: Ask::Run(Write::migrate(plan([up("1", "CREATE TABLE a (x)")]))),
    };
    let refused = bench.writer.writer.write(request, until.into()).await;
    assert!(matches!(&refused, Err(Refusal::Busy(why)) if why.contains("locked")), "{refused:?}");
    // The next write waits as the settings say.
    let next = bench.writer.write(insert("next"), terms());
    other.batch_execute("COMMIT").unwrap();
    next.await.unwrap();
    assert!(!crate::migrate::has_migrations_table(&mut bench.patient()).unwrap());
}
