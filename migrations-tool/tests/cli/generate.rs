//! `generate`.

use std::fs;

use crate::package::Package;

#[test]
fn generate_makes_the_folder_and_two_files() {
    let package = Package::empty();
    package.write("litefs-diesel.toml", "[repo.Repo]\n");
    let out = package.run(&["generate", "create_users"]).ok();
    let first = out.lines().next().unwrap();
    assert!(first.starts_with("Creating priv/repo/migrations/20"), "{out}");
    assert!(first.ends_with("-0000_create_users/up.sql"), "{out}");
    let folder = first.trim_start_matches("Creating ").trim_end_matches("/up.sql");
    assert!(package.read(&format!("{folder}/up.sql")).starts_with("--"));
    assert!(package.read(&format!("{folder}/down.sql")).starts_with("--"));
}

#[test]
fn generate_refuses_a_name_or_a_version_that_exists() {
    let package = Package::new();
    package.run(&["generate", "a", "--version", "2026-01-01"]).ok();
    package.run(&["generate", "a"]).failed(1, &["2026-01-01_a exists already", "another name"]);
    package.run(&["generate", "b", "--version", "20260101"]).failed(1, &["2026-01-01_a exists already"]);
    assert_eq!(fs::read_dir(package.path("priv/repo/migrations")).unwrap().count(), 1);
}

#[test]
fn versions_of_one_second_differ() {
    let package = Package::new();
    for name in ["a", "b", "c"] {
        package.run(&["generate", name]).ok();
    }
    // A list that could be read has no version twice.
    assert_eq!(package.run(&["list"]).ok().lines().count(), 4);
}

#[test]
fn generate_takes_its_flags() {
    let package = Package::new();
    package.run(&["generate", "a", "-u", "--version", "1", "--format", "sql"]).ok();
    assert!(package.path("priv/repo/migrations/1_a/up.sql").exists());
    assert!(!package.path("priv/repo/migrations/1_a/down.sql").exists());
    package.run(&["generate", "b", "--format", "barrel"]).failed(2, &["barrel"]);
    package.run(&["generate", "b", "--diff-schema"]).failed(2, &["diesel migration generate --diff-schema"]);
    package.run(&["generate", "b", "--diff-schema=src/schema.rs"]).failed(2, &["not offered"]);
    let answer = package.run(&["generate", "b", "--version", "2", "--json"]).json();
    assert!(answer["path"].as_str().unwrap().ends_with("/2_b"));
}

#[test]
fn a_name_that_is_no_folder_is_refused() {
    let package = Package::new();
    let long = "x".repeat(300);
    for (name, words) in [
        ("a/b", "path separators"),
        ("..\\b", "path separators"),
        (long.as_str(), "300 bytes"),
        ("", "create_users"),
    ] {
        package.run(&["generate", name]).failed(2, &[words]);
    }
    package.run(&["generate", "a", "--version", "1_2"]).failed(2, &["letters, digits and dashes"]);
    package.run(&["generate", "a", "--version=--"]).failed(2, &["not dashes alone"]);
    assert_eq!(fs::read_dir(package.path("priv/repo/migrations")).unwrap().count(), 0);
}

#[test]
fn with_several_repos_one_has_to_be_named() {
    let package = Package::empty();
    package.write("litefs-diesel.toml", "[repo.A]\n[repo.B]\n");
    package.run(&["generate", "x"]).failed(2, &["A, B", "--repo"]);
    package.run(&["generate", "x", "-r", "B", "--version", "1"]).ok();
    assert!(package.path("priv/b/migrations/1_x/up.sql").exists());
}
