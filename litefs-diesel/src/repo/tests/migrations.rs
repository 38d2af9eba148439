//! Migrations that a program carries.

use diesel::migration::MigrationVersion;

use super::*;
use crate::migrate::testing::Program;

const TWO: Program =
    Program(&[("2_b", "CREATE TABLE b (x); INSERT INTO b VALUES (1)"), ("1_a", "CREATE TABLE a (x)")]);

fn names(versions: &[MigrationVersion<'_>]) -> Vec<String> {
    versions.iter().map(ToString::to_string).collect()
}

#[test]
fn pending_migrations_are_run_in_one_request_and_nobody_is_asked_when_none_are() {
    let test = TestRepo::new();
    let (applied, position) = done(test.repo.migrate(TWO).with_position()).unwrap();
    assert_eq!((names(&applied), test.writes()), (vec!["1".into(), "2".into()], 1));
    assert!(position.txid > 0);
    assert!(done(test.repo.migrate(TWO)).unwrap().is_empty());
    assert_eq!(test.writes(), 1);
}

#[test]
fn those_who_migrate_at_once_all_succeed_and_each_migration_runs_once() {
    let test = TestRepo::new();
    let calls: Vec<_> = (0..8).map(|_| test.repo.migrate(TWO)).collect();
    for applied in done(futures::future::join_all(calls)) {
        applied.unwrap();
    }
    assert_eq!(done(test.repo.count(diesel::sql_query("SELECT * FROM b"))).unwrap(), 1);
}

#[test]
fn asking_what_is_pending_makes_nothing() {
    let test = TestRepo::new();
    assert_eq!(names(&done(test.repo.pending_migrations(TWO)).unwrap()), ["1", "2"]);
    let there = done(test.repo.pending_migrations(TWO).at(crate::ReadLevel::Primary)).unwrap();
    assert_eq!(there.len(), 2);
    let tables = diesel::sql_query("SELECT * FROM sqlite_master WHERE name LIKE '%schema_migrations'");
    assert_eq!(done(test.repo.count(tables)).unwrap(), 0);
    done(test.repo.migrate(Program(&TWO.0[1..]))).unwrap();
    assert_eq!(names(&done(test.repo.pending_migrations(TWO)).unwrap()), ["2"]);
    assert_eq!(test.writes(), 1);
}

#[test]
fn a_migration_that_fails_says_which_and_what_is_kept() {
    let test = TestRepo::new();
    let wrong = Program(&[("1_a", "CREATE TABLE a (x)"), ("2_b", "SELECT 1;\nSELECT missing")]);
    let error = done(test.repo.migrate(wrong)).unwrap_err();
    let text = error.to_string();
    assert!(matches!(&error, Error::MigrationFailed { position: Some(_), .. }), "{error:?}");
    assert!(text.starts_with("2_b/up.sql (embedded), line 2: no such column: missing."), "{text}");
    assert!(text.ends_with("kept is what ran before it: 1_a"), "{text}");
    assert!(error.position().is_some() && !error.is_retryable());
    // What did not run is run when it is mended.
    assert_eq!(names(&done(test.repo.migrate(TWO)).unwrap()), ["2"]);
}

#[test]
fn migrations_that_cannot_be_used_are_refused_before_anything_runs() {
    let test = TestRepo::new();
    for (wrong, words) in [
        (Program(&[("1_a", "SELECT 1"), ("2_rust", " ")]), "2_rust shows no SQL"),
        (
            Program(&[("1_a", "SELECT 1"), ("1_b", "SELECT 1")]),
            "two migrations have the version 1: 1_a and 1_b",
        ),
        (
            Program(&[("1_a", "SELECT 1"), ("2_b", "COMMIT")]),
            "2_b/up.sql (embedded), line 1: `COMMIT` is not",
        ),
    ] {
        let error = done(test.repo.migrate(wrong)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(matches!(error, Error::MigrationFailed { position: None, .. }), "{error:?}");
    }
    let keyed = done(test.repo.migrate(TWO).idempotency_key("migrate")).unwrap_err();
    assert!(matches!(&keyed, Error::Rejected(_)), "{keyed}");
    assert_eq!(names(&done(test.repo.pending_migrations(TWO)).unwrap()), ["1", "2"]);
}
