//! `run`, `revert`, `redo`: what each does, says and exits with.

use diesel::connection::{Connection, SimpleConnection};
use diesel::migration::MigrationVersion;
use diesel::sqlite::SqliteConnection;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};

use crate::package::{Package, ran};

const THREE: &[&str] = &["2026-01-01-000000_a", "2026-01-02-000000_b", "2026-01-03-000000_c"];

fn applied(package: &Package) -> i64 {
    package.number("SELECT count(*) FROM __diesel_schema_migrations")
}

#[test]
fn run_applies_all_in_order_and_says_so_as_diesel_does() {
    let package = Package::with_tables(THREE);
    let out = package.run(&["run"]).ok();
    let expected = "Running migration 2026-01-01-000000_a\nRunning migration 2026-01-02-000000_b\nRunning migration \
                    2026-01-03-000000_c\n";
    assert_eq!(out, expected);
    assert_eq!(applied(&package), 3);
    assert_eq!(package.run(&["run"]).ok(), "", "nothing is left");
}

#[test]
fn every_name_of_a_command_works() {
    let package = Package::with_tables(THREE);
    package.run(&["migrate", "-n", "2"]).ok();
    assert!(package.run(&["rollback"]).ok().contains("Rolling back migration 2026-01-02-000000_b"));
    for name in ["list", "migrations", "status"] {
        assert!(
            package.run(&[name]).ok().starts_with("Migrations:\n  [X] 2026-01-01-000000_a\n  [ ] "),
            "{name}"
        );
    }
    package.run(&["gen", "more"]).ok();
    for command in ["run", "revert", "redo", "list", "pending", "generate", "path", "dump", "load"] {
        let help = package.run(&[command, "--help"]).ok();
        assert!(help.contains("Usage: litefs-migrate ") && help.contains("--repo"), "{help}");
    }
}

#[test]
fn run_takes_a_version_or_a_number() {
    for (args, tables) in [
        (&["--to", "20260102000000"][..], 2),
        (&["--to", "2026-01-02-000000"], 2),
        (&["--to-exclusive", "2026-01-02-000000"], 1),
        (&["-n", "1"], 1),
        (&["--number", "2"], 2),
        (&["--step", "2"], 2),
        (&["-n", "9"], 3),
        (&["--all"], 3),
        (&["-a"], 3),
    ] {
        let package = Package::with_tables(THREE);
        package.run(&[&["run"], args].concat()).ok();
        assert_eq!(applied(&package), tables, "{args:?}");
    }
}

#[test]
fn revert_takes_one_or_what_is_said() {
    for (args, left) in [
        (&[][..], 2),
        (&["--to", "20260102000000"], 1),
        (&["--to-exclusive", "20260102000000"], 2),
        (&["-n", "2"], 1),
        (&["--all"], 0),
    ] {
        let package = Package::with_tables(THREE);
        package.run(&["run", "-q"]).ok();
        let out = package.run(&[&["revert"], args].concat()).ok();
        assert!(out.starts_with("Rolling back migration 2026-01-03-000000_c\n"), "{out}");
        assert_eq!(applied(&package), left, "{args:?}");
        assert!(!package.has("c"), "{args:?}");
    }
}

#[test]
fn selections_exclude_each_other() {
    let package = Package::with_tables(THREE);
    for args in [["-n", "1", "--all"], ["--to", "1", "--all"], ["--to-exclusive=1", "-n", "2"]] {
        for command in ["run", "revert", "redo"] {
            package.run(&[&[command], &args[..]].concat()).failed(2, &["cannot be used with"]);
        }
    }
    assert!(!package.names().contains(&"app.db".to_owned()));
}

#[test]
fn redo_reverts_and_runs_again_in_one_transaction() {
    let package = Package::with_tables(THREE);
    package.run(&["run"]).ok();
    let out = package.run(&["redo", "-n", "2"]).ok();
    let expected = "Rolling back migration 2026-01-03-000000_c\nRolling back migration 2026-01-02-000000_b\nRunning \
                    migration 2026-01-02-000000_b\nRunning migration 2026-01-03-000000_c\n";
    assert_eq!(out, expected);
    package.migration(THREE[2], "CREATE TABLE c (id INTEGER); nonsense;", Some("DROP TABLE c"));
    package.run(&["redo"]).failed(1, &["2026-01-03-000000_c/up.sql, line 1", "nonsense"]);
    assert!(package.has("c"), "the revert was rolled back too");
    assert_eq!(applied(&package), 3);
}

#[test]
fn what_is_earlier_than_what_is_applied_is_warned_of_or_refused() {
    let package = Package::with_tables(&THREE[1..]);
    package.run(&["run"]).ok();
    package.table(THREE[0]);
    let words = ["2026-01-01-000000_a is", "20260103000000"];
    package.run(&["run", "--strict-version-order"]).failed(1, &words);
    assert!(!package.has("a"));
    let ran = package.run(&["run"]);
    assert!(ran.err.contains("warning: 2026-01-01-000000_a is earlier"), "{ran:?}");
    assert!(package.has("a"));
}

#[test]
fn a_dry_run_changes_nothing() {
    let package = Package::with_tables(THREE);
    let out = package.run(&["run", "--dry-run", "--log-migrations-sql"]).ok();
    assert!(
        out.starts_with("Would run migration 2026-01-01-000000_a\nCREATE TABLE a (id INTEGER);\n"),
        "{out}"
    );
    assert_eq!(package.names(), ["litefs-diesel.toml", "priv"]);
    package.run(&["run"]).ok();
    assert_eq!(package.run(&["revert", "--dry-run"]).ok(), "Would roll back migration 2026-01-03-000000_c\n");
    assert_eq!(applied(&package), 3);
}

#[test]
fn json_says_what_was_done() {
    let package = Package::with_tables(&THREE[..1]);
    let answer = package.run(&["run", "--json"]).json();
    let done = &answer["repos"][0]["done"][0];
    assert_eq!(answer["repos"][0]["repo"], "Repo");
    assert_eq!((done["action"].as_str(), done["version"].as_str()), (Some("run"), Some("20260101000000")));
    assert_eq!(package.run(&["run", "--json"]).json()["repos"][0]["done"].as_array().unwrap().len(), 0);
}

#[test]
fn metadata_takes_a_migration_out_of_its_transaction() {
    let package = Package::new();
    package.migration("1_a", "CREATE TABLE a (x); BEGIN; INSERT INTO a VALUES (1); COMMIT; VACUUM;", None);
    package.run(&["run"]).failed(1, &["1_a/up.sql, line 1: `BEGIN` is not possible", "metadata.toml"]);
    package.write("priv/repo/migrations/1_a/metadata.toml", "run_in_transaction = false\n");
    package.run(&["run"]).ok();
    assert_eq!(package.number("SELECT count(*) FROM a"), 1);
}

#[test]
fn a_database_goes_from_diesel_to_the_tool_and_back() {
    let package = Package::with_tables(THREE);
    let source = || FileBasedMigrations::from_path(package.path("priv/repo/migrations")).unwrap();
    let mut conn = package.connect("app.db");
    conn.run_next_migration(source()).unwrap();
    assert!(!package.run(&["run"]).ok().contains("000000_a"));
    assert!(!conn.has_pending_migration(source()).unwrap());
    let reverted = conn.revert_last_migration(source()).unwrap();
    assert_eq!(reverted, MigrationVersion::from("20260103000000"));
    package.run(&["run"]).ok();
    package.run(&["revert", "--all"]).ok();
    let pending = MigrationHarness::pending_migrations(&mut conn, source()).unwrap();
    assert_eq!(pending.len(), 3);
}

#[test]
fn several_repos_run_each_its_own_migrations() {
    let package = Package::empty();
    package.write("litefs-diesel.toml", "[repo.A]\ndatabase = 'a.db'\n[repo.B]\ndatabase = 'b.db'\n");
    for repo in ["a", "b"] {
        package
            .write(&format!("priv/{repo}/migrations/1_{repo}/up.sql"), format!("CREATE TABLE {repo} (x);"));
    }
    assert_eq!(package.run(&["pending", "-r", "B"]).ok(), "true\n");
    package.run(&["run", "-r", "B"]).ok();
    assert!(!package.names().contains(&"a.db".to_owned()));
    assert_eq!(package.run(&["run"]).ok(), "Running migration 1_a\n");
    let list = package.run(&["list"]).ok();
    assert_eq!(list, "Migrations of A:\n  [X] 1_a\nMigrations of B:\n  [X] 1_b\n");
    package.run(&["run", "--database-url", "x.db"]).failed(2, &["one repo", "A, B"]);
    package.run(&["run", "-r", "A", "--database-url", "x.db"]).ok();
    assert!(package.names().contains(&"x.db".to_owned()));
}

#[test]
fn the_database_comes_from_the_settings_the_environment_or_the_flag() {
    let package = Package::empty();
    package.write("priv/repo/migrations/1_a/up.sql", "CREATE TABLE a (x);");
    package.run(&["run"]).failed(1, &["repo.Repo.database", "DATABASE_URL"]);
    let mut command = package.command("", &["run"]);
    ran(command.env("DATABASE_URL", "sqlite://env.db").output().unwrap()).ok();
    package.run(&["run", "--database-url", "flag.db"]).ok();
    for file in ["env.db", "flag.db"] {
        let url = package.path(file).display().to_string();
        SqliteConnection::establish(&url).unwrap().batch_execute("SELECT x FROM a").unwrap();
    }
}

#[test]
fn the_database_gets_the_journal_mode_that_its_node_gives_it() {
    let package = Package::with_tables(THREE);
    package.run(&["run"]).ok();
    assert_eq!(package.number("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    let package = Package::with_tables(THREE);
    package.write("litefs-diesel.toml", "[repo.Repo]\ndatabase = 'app.db'\njournal_mode = 'delete'\n");
    package.run(&["run"]).ok();
    assert_eq!(package.number("SELECT journal_mode = 'delete' FROM pragma_journal_mode"), 1);
}
