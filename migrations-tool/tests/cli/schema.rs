//! The files of `[print_schema]`, refreshed through the `diesel` command.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::package::{Package, Ran, ran};

fn package() -> Package {
    let package = Package::with_tables(&["1_a"]);
    package.write("diesel.toml", "[print_schema]\nfile = 'schema.rs'\n");
    package.folder("bin");
    package
}

/// With only this folder to find programs in.
fn run(package: &Package, args: &[&str]) -> Ran {
    let mut command = package.command("", args);
    ran(command.env("PATH", package.path("bin")).output().unwrap())
}

/// A program called `diesel`: what it does is that command's own, here it is how it is called.
fn install(package: &Package, script: &str) {
    package.write(
        "bin/diesel",
        format!("#!/bin/sh\necho \"$@\" > {}\n{script}\n", package.path("called").display()),
    );
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(package.path("bin/diesel"), executable).unwrap();
}

#[test]
fn where_diesel_is_not_installed_one_line_says_so() {
    let package = package();
    let ran = run(&package, &["run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    assert!(
        ran.err.contains("diesel.toml are not refreshed: the `diesel` command is not installed"),
        "{ran:?}"
    );
    assert_eq!(run(&package, &["run"]).err, "", "nothing ran, nothing to refresh");
}

#[test]
fn diesel_is_given_no_migrations_and_a_database_to_read() {
    let package = package();
    install(&package, "");
    run(&package, &["run", "--locked-schema"]).ok();
    let called = package.read("called");
    assert!(called.starts_with("migration run --migration-dir "), "{called}");
    assert!(called.contains(&format!("--config-file {}", package.path("diesel.toml").display())), "{called}");
    assert!(called.contains("app.db?mode=ro") && called.contains("--locked-schema"), "{called}");
    fs::remove_file(package.path("called")).unwrap();
    for args in [&["redo"][..], &["revert"]] {
        run(&package, args).ok();
        assert!(!package.read("called").contains("--locked-schema"));
    }
}

#[test]
fn what_diesel_says_against_it_is_told() {
    let package = package();
    install(&package, "echo 'it would change' >&2; exit 1");
    run(&package, &["run", "--locked-schema"]).failed(1, &["the migrations ran", "it would change"]);
    assert!(package.has("a"));
}

#[test]
fn with_several_repos_it_is_not_known_whose_schema_it_is() {
    let package = package();
    install(&package, "exit 1");
    package.write("litefs-diesel.toml", "[repo.A]\ndatabase = 'a.db'\n[repo.B]\ndatabase = 'b.db'\n");
    for repo in ["a", "b"] {
        package.write(&format!("priv/{repo}/migrations/1_{repo}/up.sql"), "CREATE TABLE t (x);");
    }
    let ran = run(&package, &["run"]);
    assert!(ran.code == 0 && ran.err.contains("which of several repos"), "{ran:?}");
}
