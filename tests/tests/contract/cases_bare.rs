//! The body of Diesel cases on bare `SqliteConnection`: what it sees must be the same each time,
//! or it could not be compared with what another connection sees.

use std::collections::BTreeSet;

use diesel::connection::{Connection, SimpleConnection};
use litefs_diesel_tests::cases::{Scope, Seen, on_bare, went_wrong};
use tempfile::TempDir;

const EVERYTHING: Scope = Scope::BareOnly("");

fn database() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("app.db").to_str().unwrap().to_owned();
    (folder, url)
}

/// A connection that does not wait for the disk: no case crashes the machine.
fn open(url: &str) -> on_bare::Conn {
    let mut conn = on_bare::Conn::establish(url).unwrap();
    conn.batch_execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY").unwrap();
    conn
}

fn run(url: &str, scope: Scope) -> Seen {
    on_bare::run_all(&mut open(url), scope)
}

/// Compares case by case, so that a failure shows one case and not all of them.
#[track_caller]
fn assert_equal(one: &Seen, other: &Seen) {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, value) in one {
        assert_eq!(value, &other[name], "{name}");
    }
}

#[test]
fn there_are_at_least_seventy_cases_of_unique_names() {
    let names: Vec<_> = on_bare::all().iter().map(|case| case.name).collect();
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    let everywhere = on_bare::all().iter().filter(|case| case.scope == Scope::Everywhere).count();
    assert!(everywhere >= 70, "{everywhere}");
}

#[test]
fn no_case_goes_wrong_on_bare_sqlite() {
    let (_folder, url) = database();
    for (name, value) in run(&url, EVERYTHING) {
        assert!(!went_wrong(&value), "{name}: {value}");
    }
}

#[test]
fn cases_see_the_same_in_two_fresh_files() {
    let ((_one, one), (_other, other)) = (database(), database());
    assert_equal(&run(&one, EVERYTHING), &run(&other, EVERYTHING));
}

#[test]
fn cases_clean_up_after_themselves_so_that_the_same_file_and_connection_serve_again() {
    let (_folder, url) = database();
    let first = run(&url, EVERYTHING);
    assert_equal(&first, &run(&url, EVERYTHING));
    let mut conn = open(&url);
    on_bare::run_all(&mut conn, EVERYTHING);
    assert_equal(&first, &on_bare::run_all(&mut conn, EVERYTHING));
}

#[test]
fn cases_do_not_depend_on_the_case_before() {
    let (_folder, url) = database();
    let together = run(&url, EVERYTHING);
    for case in on_bare::all().iter().rev() {
        let mut conn = open(&url);
        assert_eq!(together[case.name], case.run(&mut conn), "{}", case.name);
    }
}

#[test]
fn a_case_that_must_be_equal_everywhere_does_not_hide_among_the_bare_ones() {
    let (_folder, url) = database();
    let everywhere = run(&url, Scope::Everywhere);
    let all = run(&url, EVERYTHING);
    let bare_only: Vec<_> = all.keys().filter(|name| !everywhere.contains_key(*name)).collect();
    assert!(bare_only.iter().all(|name| name.starts_with("bare_only::")), "{bare_only:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_see_the_same_twice_and_in_the_same_file() {
    let ((_one, one), (_other, other)) = (database(), database());
    let first = on_bare::run_with_url(&one).await;
    for (name, value) in &first {
        assert!(!went_wrong(value), "{name}: {value}");
    }
    assert_equal(&first, &on_bare::run_with_url(&one).await);
    assert_equal(&first, &on_bare::run_with_url(&other).await);
}
