//! `list`, `pending`: they only read.

use std::time::{Duration, Instant};

use crate::package::Package;

#[test]
fn reading_makes_no_file() {
    let package = Package::with_tables(&["1_a"]);
    assert_eq!(package.run(&["list"]).ok(), "Migrations:\n  [ ] 1_a\n");
    assert_eq!(package.run(&["pending"]).ok(), "true\n");
    package.run(&["pending", "--check"]);
    package.run(&["path"]).ok();
    package.run(&["run", "--dry-run"]).ok();
    package.run(&["dump"]).failed(1, &["there is no database", "litefs-migrate run"]);
    assert_eq!(package.names(), ["litefs-diesel.toml", "priv"]);
}

#[test]
fn reading_makes_no_table() {
    let package = Package::with_tables(&["1_a"]);
    package.write("app.db", "");
    package.run(&["list"]).ok();
    assert_eq!(package.run(&["pending", "--check"]).code, 3);
    assert_eq!(package.number("SELECT count(*) FROM sqlite_master"), 0);
    assert_eq!(package.read("app.db"), "");
}

#[test]
fn reading_works_on_a_database_whose_settings_have_a_litefs_that_is_down() {
    let package = Package::with_tables(&["1_a", "2_b"]);
    package.run(&["run", "-n", "1"]).ok();
    package.write(
        "litefs-diesel.toml",
        "[repo.Repo]\ndatabase = 'app.db'\n[litefs]\nhttp = 'http://127.0.0.1:1'\n",
    );
    assert_eq!(package.run(&["list"]).ok(), "Migrations:\n  [X] 1_a\n  [ ] 2_b\n");
    assert_eq!(package.run(&["pending"]).ok(), "true\n");
    package.run(&["run", "--timeout", "200ms"]).failed(1, &["no LiteFS mount"]);
    package.run(&["revert", "--wait-all"]).failed(1, &["--wait-all"]);
}

#[test]
fn pending_is_true_or_false_and_check_exits_with_three() {
    let package = Package::with_tables(&["1_a"]);
    let ran = package.run(&["pending", "--check"]);
    assert_eq!((ran.code, ran.out.as_str()), (3, "true\n"));
    assert_eq!(package.run(&["pending", "--json"]).json()["repos"][0]["pending"][0], "1_a");
    package.run(&["run"]).ok();
    assert_eq!(package.run(&["pending", "--check"]).ok(), "false\n");
}

#[test]
fn list_shows_what_is_applied_and_not_on_disk() {
    let package = Package::with_tables(&["1_a", "2_b", "3_c"]);
    package.run(&["run"]).ok();
    std::fs::remove_dir_all(package.path("priv/repo/migrations/2_b")).unwrap();
    assert_eq!(
        package.run(&["list"]).ok(),
        "Migrations:\n  [X] 1_a\n  [X] 2 (applied, but not here)\n  [X] 3_c\n"
    );
    let answer = package.run(&["status", "--json"]).json();
    let stranger = &answer["repos"][0]["migrations"][1];
    assert_eq!((stranger["version"].as_str(), stranger["on_disk"].as_bool()), (Some("2"), Some(false)));
}

#[test]
fn an_empty_folder_is_fine() {
    let package = Package::new();
    assert_eq!(package.run(&["list"]).ok(), "Migrations:\n");
    assert_eq!(package.run(&["pending"]).ok(), "false\n");
    assert_eq!(package.run(&["run"]).ok(), "");
    assert_eq!(package.run(&["revert"]).ok(), "");
    assert_eq!(package.names(), ["litefs-diesel.toml", "priv"], "nothing to do makes nothing");
}

#[test]
#[ignore = "measures: a release build on a machine of its own"]
fn measured_list_of_200_migrations_takes_less_than_100_ms() {
    let names: Vec<_> = (1000..1200).map(|n| format!("{n}_t{n}")).collect();
    let package = Package::with_tables(&names.iter().map(String::as_str).collect::<Vec<_>>());
    package.run(&["run", "-n", "100"]).ok();
    let best = (0..5).map(|_| {
        let started = Instant::now();
        package.run(&["list"]).ok();
        started.elapsed()
    });
    let best = best.min().unwrap();
    assert!(best < Duration::from_millis(100), "{best:?}");
}
