//! Which folder: the rules, case by case.

use std::io::Write;

use crate::package::{Package, link};

/// Files of a package, the working folder, more arguments and environment, and what `path` is to say.
struct Case {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    within: &'static str,
    args: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    /// From the package; as it is where it begins with `=`.
    folder: &'static str,
    why: &'static str,
}

const CASE: Case =
    Case { name: "", files: &[], within: "", args: &[], variables: &[], folder: "", why: "inferred" };

const CARGO: &str = "[package]\nname = 'shop'\n";
const WORKSPACE: &str = "[workspace]\nmembers = ['web']\n";
const PLAIN: &str = "[repo.Repo]\n";

const CASES: &[Case] = &[
    Case {
        name: "a single package without settings",
        files: &[("Cargo.toml", CARGO)],
        folder: "priv/repo/migrations",
        ..CASE
    },
    Case {
        name: "a member of a workspace",
        files: &[("Cargo.toml", WORKSPACE), ("web/Cargo.toml", CARGO)],
        within: "web",
        folder: "web/priv/repo/migrations",
        ..CASE
    },
    Case {
        name: "a sub-folder of a member",
        files: &[("Cargo.toml", WORKSPACE), ("web/Cargo.toml", CARGO), ("web/src/x/y.rs", "")],
        within: "web/src/x",
        folder: "web/priv/repo/migrations",
        ..CASE
    },
    Case {
        name: "a settings file above a member goes before its Cargo.toml",
        files: &[("litefs-diesel.toml", PLAIN), ("web/Cargo.toml", CARGO)],
        within: "web",
        folder: "priv/repo/migrations",
        ..CASE
    },
    Case {
        name: "the settings file of a sub-folder goes before a Cargo.toml above",
        files: &[("Cargo.toml", CARGO), ("deploy/litefs-diesel.toml", PLAIN)],
        within: "deploy",
        folder: "deploy/priv/repo/migrations",
        ..CASE
    },
    Case {
        name: "a settings file that is named",
        files: &[("etc/shop.toml", PLAIN), ("Cargo.toml", CARGO)],
        variables: &[("LITEFS_DIESEL_CONFIG", "etc/shop.toml")],
        folder: "etc/priv/repo/migrations",
        ..CASE
    },
    Case { name: "nothing at all", folder: "priv/repo/migrations", ..CASE },
    Case {
        name: "a workspace alone is no package",
        files: &[("Cargo.toml", WORKSPACE), ("web/x", "")],
        within: "web",
        folder: "web/priv/repo/migrations",
        ..CASE
    },
    Case {
        name: "a renamed repo",
        files: &[("litefs-diesel.toml", "[repo.HTTPServer]\n")],
        folder: "priv/http_server/migrations",
        ..CASE
    },
    Case {
        name: "a repo with modules before its name",
        files: &[("litefs-diesel.toml", "[repo.\"shop::db::AuditRepo\"]\n")],
        folder: "priv/audit_repo/migrations",
        ..CASE
    },
    Case {
        name: "a repo as Elixir names it",
        files: &[("litefs-diesel.toml", "[repo.\"Shop.AuditRepo\"]\n")],
        folder: "priv/audit_repo/migrations",
        ..CASE
    },
    Case {
        name: "a repo that nothing names but the command line",
        files: &[("Cargo.toml", CARGO)],
        args: &["-r", "MyRepo"],
        folder: "priv/my_repo/migrations",
        ..CASE
    },
    Case {
        name: "a relative priv counts from the settings file",
        files: &[("litefs-diesel.toml", "[repo.Repo]\npriv = 'db/main'\n"), ("a/b/c", "")],
        within: "a/b",
        folder: "db/main/migrations",
        why: "priv",
        ..CASE
    },
    Case {
        name: "an absolute priv",
        files: &[("litefs-diesel.toml", "[repo.Repo]\npriv = '/var/lib/shop'\n")],
        folder: "=/var/lib/shop/migrations",
        why: "priv",
        ..CASE
    },
    Case {
        name: "a priv of the environment goes before that of the file",
        files: &[("litefs-diesel.toml", "[repo.Repo]\npriv = 'db/main'\n")],
        variables: &[("LITEFS_DIESEL__REPO__REPO__PRIV", "db/other")],
        folder: "db/other/migrations",
        why: "priv",
        ..CASE
    },
    Case {
        name: "a priv above everything",
        files: &[("litefs-diesel.toml", "[repo.Repo]\npriv = '.'\n")],
        folder: "migrations",
        why: "priv",
        ..CASE
    },
    Case {
        name: "a diesel.toml beside",
        files: &[("Cargo.toml", CARGO), ("diesel.toml", "[migrations_directory]\ndir = 'migrations'\n")],
        folder: "migrations",
        why: "diesel.toml",
        ..CASE
    },
    Case {
        name: "a diesel.toml above the member",
        files: &[
            ("Cargo.toml", WORKSPACE),
            ("web/Cargo.toml", CARGO),
            ("diesel.toml", "[migrations_directory]\ndir = 'migrations'\n"),
        ],
        within: "web",
        folder: "migrations",
        why: "diesel.toml",
        ..CASE
    },
    Case {
        name: "a diesel.toml without a folder",
        files: &[("Cargo.toml", CARGO), ("diesel.toml", "[print_schema]\nfile = 'src/schema.rs'\n")],
        folder: "priv/repo/migrations",
        ..CASE
    },
    Case {
        name: "a diesel.toml that is named",
        files: &[("Cargo.toml", CARGO), ("etc/d.toml", "[migrations_directory]\ndir = 'm'\n")],
        variables: &[("DIESEL_CONFIG_FILE", "etc/d.toml")],
        folder: "etc/m",
        why: "diesel.toml",
        ..CASE
    },
    Case {
        name: "priv goes before diesel.toml",
        files: &[
            ("litefs-diesel.toml", "[repo.Repo]\npriv = 'priv/repo'\n"),
            ("diesel.toml", "[migrations_directory]\ndir = 'migrations'\n"),
        ],
        folder: "priv/repo/migrations",
        why: "priv",
        ..CASE
    },
    Case {
        name: "the environment goes before priv, and counts from the working folder",
        files: &[("litefs-diesel.toml", "[repo.Repo]\npriv = 'priv/repo'\n"), ("a/b", "")],
        within: "a",
        variables: &[("MIGRATION_DIRECTORY", "../m")],
        folder: "=../m",
        why: "environment",
        ..CASE
    },
    Case {
        name: "the flag goes before all",
        files: &[("litefs-diesel.toml", "[repo.Repo]\npriv = 'priv/repo'\n")],
        variables: &[("MIGRATION_DIRECTORY", "m")],
        args: &["--migrations-path", "x"],
        folder: "=x",
        why: "flag",
        ..CASE
    },
    Case {
        name: "Diesel's name of the flag",
        files: &[("Cargo.toml", CARGO)],
        args: &["--migration-dir", "x"],
        folder: "=x",
        why: "flag",
        ..CASE
    },
];

#[test]
fn the_first_rule_that_applies_says_which_folder() {
    for case in CASES {
        let package = Package::empty();
        case.files.iter().for_each(|(name, content)| package.write(name, content));
        let expected = match case.folder.strip_prefix('=') {
            Some(folder) => folder.to_owned(),
            None => package.path(case.folder).display().to_string(),
        };
        let run = |more: &[&str]| {
            let args: Vec<&str> = ["path"].iter().chain(case.args).chain(more).copied().collect();
            let mut command = package.command(case.within, &args);
            command.envs(case.variables.iter().copied());
            crate::package::ran(command.output().unwrap())
        };
        let answer = run(&["--json"]).json();
        assert_eq!(answer["repos"][0]["folders"][0], expected, "{}: {answer:#}", case.name);
        assert_eq!(answer["repos"][0]["rule"], case.why, "{}: {answer:#}", case.name);
        // The table for the closing note: `cargo test … -- --nocapture the_first_rule`.
        let text = run(&[]).ok();
        let package_folder = package.path("").display().to_string();
        let shown = text.replace(package_folder.trim_end_matches('/'), "<package>");
        let line = format!("{}: {}\n", case.name, shown.lines().take(3).collect::<Vec<_>>().join(" |"));
        let _ = std::io::stderr().write_all(line.as_bytes());
        assert!(text.contains("  why: ") && text.contains("  root: "), "{}: {text}", case.name);
        assert_eq!(run(&["-q"]).ok().trim_end(), expected, "{}", case.name);
    }
}

#[test]
fn why_names_the_file_and_the_line() {
    let package = Package::empty();
    package.write("litefs-diesel.toml", "[repo.Repo]\ndatabase = 'app.db'\npriv = 'db'\n");
    let text = package.run(&["path"]).ok();
    assert!(text.contains("`priv = \"db\"` of [repo.Repo] says so"), "{text}");
    assert!(text.contains("litefs-diesel.toml, line 3, column 8"), "{text}");
}

#[test]
fn several_repos_have_a_folder_each() {
    let package = Package::empty();
    package.write(
        "litefs-diesel.toml",
        "[repo.AuditRepo]\ndatabase = 'audit.db'\n[repo.Main]\ndatabase = 'main.db'\npriv = 'db'\n",
    );
    let folders = |args: &[&str]| {
        let answer = package.run(args).json();
        let repos = answer["repos"].as_array().unwrap().clone();
        let folders = repos.iter().map(|repo| repo["folders"][0].as_str().unwrap().to_owned());
        folders.collect::<Vec<_>>()
    };
    let path = |name| package.path(name).display().to_string();
    assert_eq!(folders(&["path", "--json"]), [path("priv/audit_repo/migrations"), path("db/migrations")]);
    assert_eq!(folders(&["path", "--json", "-r", "Main"]), [path("db/migrations")]);
    assert_eq!(folders(&["-r", "Main", "-r", "auditrepo", "path", "--json"]).len(), 2);
    package.run(&["path", "-r", "Nobody"]).failed(1, &["no repo \"Nobody\"", "AuditRepo, Main"]);
}

#[test]
fn folders_and_migrations_may_be_links() {
    let package = Package::new();
    package.write("elsewhere/1_users/up.sql", "CREATE TABLE users (id INTEGER);");
    package.write("more/2_posts/up.sql", "CREATE TABLE posts (id INTEGER);");
    link(&package.path("more/2_posts"), &package.path("elsewhere/2_posts"));
    std::fs::remove_dir(package.path("priv/repo/migrations")).unwrap();
    link(&package.path("elsewhere"), &package.path("priv/repo/migrations"));
    package.run(&["run"]).ok();
    assert!(package.has("users") && package.has("posts"));
}

#[test]
fn several_folders_are_merged_by_version() {
    let package = Package::new();
    package.write("a/2_b/up.sql", "ALTER TABLE t ADD b;");
    package.write("a/4_d/up.sql", "ALTER TABLE t ADD d;");
    package.write("b/1_t/up.sql", "CREATE TABLE t (a);");
    package.write("b/3_c/up.sql", "ALTER TABLE t ADD c;");
    let out = package.run(&["run", "--migrations-path", "a", "--migration-dir", "b"]).ok();
    let names: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("Running migration ")).collect();
    assert_eq!(names, ["1_t", "2_b", "3_c", "4_d"]);
}

#[test]
fn a_missing_folder_names_the_usual_one_that_is_there_and_the_line_that_mends_it() {
    for (there, line) in [("migrations", "priv = \".\""), ("priv/repo/migrations", "priv = \"priv/repo\"")] {
        let package = Package::empty();
        package.write("litefs-diesel.toml", "[repo.Renamed]\ndatabase = 'app.db'\n");
        package.folder(there);
        let error = package.run(&["run"]).failed(1, &["no migrations folder", line, "[repo.Renamed]"]);
        assert!(error.contains(&format!("{} is there", package.path(there).display())), "{error}");
        // And the line does mend it.
        package.write("litefs-diesel.toml", format!("[repo.Renamed]\ndatabase = 'app.db'\n{line}\n"));
        package.run(&["run"]).ok();
    }
    let package = Package::new();
    package.write("litefs-diesel.toml", "[repo.Repo]\ndatabase = 'app.db'\npriv = 'wrong'\n");
    package.run(&["list"]).failed(1, &["line 3", "`priv = \"priv/repo\"`"]);
    package.run(&["list", "--migrations-path", "x"]).failed(1, &["leave the flag out"]);
    package.write("litefs-diesel.toml", "[repo.Repo]\ndatabase = 'app.db'\n");
    package.write("diesel.toml", "[migrations_directory]\ndir = 'wrong'\n");
    package.run(&["list"]).failed(1, &["diesel.toml", "write `dir = "]);
    // Whoever wrote it is who has to be told.
    let mut command = package.command("", &["list"]);
    command.env("LITEFS_DIESEL__REPO__REPO__PRIV", "wrong");
    let ran = crate::package::ran(command.output().unwrap());
    ran.failed(1, &["LITEFS_DIESEL__REPO__REPO__PRIV=priv/repo"]);
    // A name that TOML wants in quotes.
    std::fs::remove_file(package.path("diesel.toml")).unwrap();
    package.write("litefs-diesel.toml", "[repo.'shop::Renamed']\ndatabase = 'app.db'\n");
    package.run(&["list"]).failed(1, &["below [repo.\"shop::Renamed\"]"]);
    // The folder of another repo is none to take.
    package
        .write("litefs-diesel.toml", "[repo.Audit]\ndatabase = 'a.db'\n[repo.Repo]\ndatabase = 'app.db'\n");
    let error = package.run(&["list", "-r", "Audit"]).failed(1, &["mkdir -p"]);
    assert!(!error.contains("priv/repo"), "{error}");
}
