//! An application that carries the tool and its migrations, for containers without sources.

use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use litefs_diesel::litefs_repo;
use migrations_tool::{Exit, run_for};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");

#[litefs_repo]
struct Repo;

#[test]
fn the_migrations_of_the_program_are_run_and_reverted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.db").display().to_string();
    let tool = |args: &[&str]| {
        let args = [&["shop-migrate"], args, &["--database-url", &file]].concat();
        run_for::<Repo>(MIGRATIONS, args)
    };
    assert_eq!(tool(&["pending", "--check"]), Exit::Pending);
    assert!(!dir.path().join("app.db").exists());
    assert_eq!(tool(&["run"]), Exit::Done);
    assert_eq!(tool(&["pending", "--check"]), Exit::Done);
    let mut conn = SqliteConnection::establish(&file).unwrap();
    diesel::sql_query("INSERT INTO users (name) VALUES ('Ada')").execute(&mut conn).unwrap();
    assert_eq!(tool(&["list"]), Exit::Done);
    assert_eq!(tool(&["path"]), Exit::Done);
    assert_eq!(tool(&["redo"]), Exit::Done);
    assert_eq!(tool(&["revert"]), Exit::Done);
    assert!(diesel::sql_query("SELECT * FROM users").execute(&mut conn).is_err());
    // Nothing to write a new one into, another repo, and a folder that goes before.
    assert_eq!(tool(&["generate", "more"]), Exit::Usage);
    assert_eq!(tool(&["run", "--repo", "Other"]), Exit::Failed);
    assert_eq!(tool(&["list", "--migrations-path", "tests/no_such_folder"]), Exit::Failed);
}
