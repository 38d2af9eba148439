//! Bad input: a clear error that names the file or flag and the next step, and nothing half-done.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::package::Package;

/// A migration that is fine comes before what is wrong: it must not have run.
fn package() -> Package {
    Package::with_tables(&["1_a"])
}

#[test]
fn what_is_wrong_in_the_folder_stops_everything_before_it_begins() {
    for (file, content, words) in [
        ("_b/up.sql", &b"SELECT 1"[..], &["_b has no version", "rename"][..]),
        ("--_b/up.sql", b"SELECT 1", &["--_b has no version"]),
        ("1_b/up.sql", b"SELECT 1", &["two migrations have the version 1:", "1_a and", "1_b"]),
        ("2_b/up.sql", b"", &["2_b/up.sql is empty"]),
        ("2_b/up.sql", b" \n\t", &["2_b/up.sql is empty"]),
        ("2_b/down.sql", b"SELECT 1", &["2_b/up.sql is missing"]),
        ("2_b/up.sql", b"SELECT '\xe4'", &["2_b/up.sql is not UTF-8", "save it as UTF-8"]),
        ("2_b", b"SELECT 1", &["2_b is a file", "up.sql"]),
        ("1_a/metadata.toml", b"run_in_transaction = 'no'", &["1_a/metadata.toml is malformed", "line 1"]),
        ("2_b/up.sql", b"SELECT 1;\nBEGIN;", &["2_b/up.sql, line 2: `BEGIN`", "run_in_transaction = false"]),
        ("2_b/up.sql", b"SELECT 1;\n COMMIT ;", &["2_b/up.sql, line 2: `COMMIT`"]),
    ] {
        let package = package();
        package.write(&format!("priv/repo/migrations/{file}"), content);
        package.run(&["run"]).failed(1, words);
        assert!(!package.names().contains(&"app.db".to_owned()), "{file}");
    }
}

#[test]
fn the_folder_has_to_be_a_folder_that_can_be_read() {
    let package = Package::new();
    package.write("file", "");
    package.run(&["run", "--migrations-path", "file"]).failed(1, &["file is a file", "`--migrations-path`"]);
    package.run(&["run", "--migrations-path", "file/x"]).failed(1, &["no migrations folder file/x"]);
    package.run(&["run", "--migrations-path", "none"]).failed(1, &["no migrations folder none"]);
    let folder = package.path("priv/repo/migrations");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
    let ran = package.run_unprivileged(&["run"]);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    ran.failed(1, &["cannot be read", "let this user read it"]);
}

#[test]
fn a_version_in_two_folders_is_refused() {
    let package = package();
    package.write("more/1_b/up.sql", "SELECT 1");
    let folders = ["--migrations-path", "priv/repo/migrations", "--migrations-path", "more"];
    package.run(&[&["run"], &folders[..]].concat()).failed(1, &["version 1", "migrations/1_a", "more/1_b"]);
}

#[test]
fn an_error_of_sqlite_names_the_line_and_what_is_kept() {
    let package = package();
    package.migration("2_b", "CREATE TABLE b (x);\n\nINSERT INTO nowhere VALUES (1);", None);
    package.table("3_c");
    let words = [
        "2_b/up.sql, line 3: no such table: nowhere",
        "2_b was rolled back",
        "kept is what ran before it: 1_a",
    ];
    package.run(&["run"]).failed(1, &words);
    assert!(package.has("a") && !package.has("b") && !package.has("c"));
    package.migration("2_b", "CREATE TABLE b (x);", None);
    package.run(&["run"]).ok();
    assert!(package.has("b") && package.has("c"));
}

#[test]
fn nothing_is_reverted_without_every_down_sql() {
    let package = package();
    package.migration("2_b", "CREATE TABLE b (x);", None);
    package.table("3_c");
    package.run(&["run"]).ok();
    package.run(&["revert", "-n", "2"]).failed(1, &["2_b cannot be reverted", "2_b/down.sql is missing"]);
    package.run(&["redo", "--all"]).failed(1, &["2_b/down.sql is missing"]);
    assert!(package.has("b") && package.has("c"));
    package.write("priv/repo/migrations/2_b/down.sql", "");
    package.run(&["revert", "-n", "2"]).failed(1, &["2_b/down.sql is empty"]);
}

#[test]
fn what_is_applied_and_not_here_is_not_reverted() {
    let package = package();
    package.table("2_b");
    package.run(&["run"]).ok();
    fs::create_dir(package.path("more")).unwrap();
    fs::rename(package.path("priv/repo/migrations/2_b"), package.path("more/2_b")).unwrap();
    package.run(&["revert"]).failed(1, &["version 2 is applied", "bring it back"]);
    // The other of two folders has it.
    let error = package.run(&["revert", "--migrations-path", "more", "-n", "2"]);
    let there = package.path("priv/repo/migrations").display().to_string();
    error.failed(1, &["version 1 is applied", &format!("{there} has 1_a"), "--migrations-path"]);
    assert!(package.has("a") && package.has("b"));
    package
        .run(&["revert", "--migrations-path", "more", "--migrations-path", "priv/repo/migrations", "-a"])
        .ok();
}

#[test]
fn an_unknown_version_is_refused() {
    let package = package();
    for command in ["run", "revert", "redo"] {
        for flag in ["--to", "--to-exclusive"] {
            package
                .run(&[command, flag, "20-26"])
                .failed(1, &["there is no version 2026", "litefs-migrate list"]);
        }
    }
    package.run(&["run", "--to", ""]).failed(2, &["a version is not empty"]);
}

#[test]
fn a_mistake_in_the_settings_is_named_by_line_and_column() {
    let package = package();
    package.write("litefs-diesel.toml", "[repo.Repo]\ndatabase = 'app.db'\npool_size = = 3\n");
    package.run(&["list"]).failed(1, &["litefs-diesel.toml, line 3, column 13"]);
    package.write("litefs-diesel.toml", "[repo.Repo]\ndatabase = 'app.db'\npriv = 3\n");
    package.run(&["list"]).failed(1, &["`repo.Repo.priv`", "line 3, column 8"]);
    package.write("litefs-diesel.toml", "[repo.Repo]\ndatabase = 'app.db'\n");
    package.write("diesel.toml", "[migrations_directory\n");
    package.run(&["list"]).failed(1, &["diesel.toml is not", "line 1, column"]);
}

#[test]
fn an_unknown_repo_is_named_with_the_known_ones() {
    package().run(&["run", "-r", "Other"]).failed(1, &["no repo \"Other\"", "Repo", "[repo.Other]"]);
}

#[test]
fn a_database_that_is_not_sqlites_is_said_to_be_none() {
    let package = package();
    package.write("app.db", "this is a text, and no database at all\n".repeat(50));
    for args in [&["run"][..], &["list"], &["pending"], &["dump"], &["load"]] {
        if args == ["load"] {
            package.write("priv/repo/structure.sql", "SELECT 1;");
        }
        package.run(args).failed(1, &["app.db", "file is not a database", "`database` setting"]);
    }
}

#[test]
fn a_database_in_a_folder_that_is_not_there_is_said() {
    let package = package();
    package
        .run(&["run", "--database-url", "none/app.db"])
        .failed(1, &["argument `--database-url`", "none", "no such folder"]);
    package.folder("folder");
    package.run(&["run", "--database-url", "folder"]).failed(1, &["folder cannot be opened", "name a file"]);
    package.run(&["run", "--database-url", ":memory:"]).failed(1, &["in memory"]);
    package.run(&["run", "--database-url", "postgres://x/y"]).failed(1, &["another kind of database"]);
}

#[test]
fn what_cannot_be_written_is_said() {
    let package = package();
    package.write("file", "");
    package
        .run(&["generate", "x", "--migrations-path", "file/below"])
        .failed(1, &["file/below cannot be written"]);
    package.run(&["run"]).ok();
    package.run(&["dump", "-d", "file/below/s.sql"]).failed(1, &["s.sql cannot be written"]);
    fs::set_permissions(package.path("priv/repo/migrations"), fs::Permissions::from_mode(0o555)).unwrap();
    package
        .run_unprivileged(&["generate", "x"])
        .failed(1, &["_x cannot be written", "ermission denied", "let this user"]);
}

#[test]
fn wrong_arguments_exit_with_two() {
    let package = package();
    for args in
        [&[][..], &["no-such-command"], &["run", "--no-such-flag"], &["run", "-n", "x"], &["generate"]]
    {
        assert_eq!(package.run(args).code, 2, "{args:?}");
    }
    package.run(&["run", "--timeout", "3"]).failed(2, &["write 30s"]);
    assert_eq!(package.run(&["--version"]).ok(), format!("litefs-migrate {}\n", env!("CARGO_PKG_VERSION")));
}
