//! What the README tells a newcomer to run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use litefs_diesel_tests::{process, wait};
use rustix::process::Signal;
use tempfile::TempDir;

/// The script builds the example, which may be a whole build.
const BUILD: Duration = Duration::from_secs(900);

#[test]
fn quickstart_shows_every_way_in() {
    let ran = Command::new(env!("CARGO"))
        .args(["run", "-q", "--example", "quickstart"])
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    for line in [
        "repo.all(age >= 18)                    -> Ada (36), Cleo (52)",
        "users.order(name).load                 -> Ada (36), Cleo (53), Dorothy (41)",
        "repo.transaction(delete all, fail)     -> Err(NotFound); still 3 rows",
        "repo.transfer(1, 2, 1250)              -> 48750 cents are left",
        "TooLittle { cents: 48750 }; nothing of it is kept",
        "UNIQUE constraint failed: users.name",
        "the node is shutting down",
    ] {
        assert!(said.contains(line), "{line:?} is missing in:\n{said}");
    }
}

#[test]
fn a_package_with_a_renamed_repo_and_its_own_priv_is_migrated_from_any_folder_and_at_its_start() {
    let package = root().join("examples/renamed");
    // As it was checked out; what it makes is not for the repository.
    let copy = tempfile::tempdir().unwrap();
    let mut cp = Command::new("cp");
    cp.args(["-R", "litefs-diesel.toml", "database", "src"]).arg(copy.path()).current_dir(&package);
    assert!(cp.status().unwrap().success());
    let tool = |folder: &str, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
        let ran = command.args(args).current_dir(copy.path().join(folder)).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let app = || {
        let mut command = Command::new(env!("CARGO"));
        command.args(["run", "-q", "-p", "shop", "--manifest-path"]).arg(package.join("Cargo.toml"));
        let ran = command.current_dir(copy.path()).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let path = tool("src", &["path"]);
    for words in ["ShopRepo", "database/migrations", "priv", "litefs-diesel.toml"] {
        assert!(path.contains(words), "{words:?} is missing in {path}");
    }
    assert_eq!(tool("src", &["pending"]), "true\n");
    assert!(!copy.path().join("shop.db").exists());
    assert_eq!(tool("database", &["run", "-n", "1"]), "Running migration 2026-02-01-000001_create_orders\n");
    assert_eq!(app(), "1 migrations were pending; order 1 (a lamp, not paid) is one of 1\n");
    assert_eq!(app(), "0 migrations were pending; order 2 (a lamp, not paid) is one of 2\n");
    assert_eq!(tool(".", &["pending", "--check"]), "false\n");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn the_cluster_example_tells_its_story_and_leaves_nothing_behind() {
    let mut script = Script::start();
    let status = script.end(BUILD);
    let said = script.said();
    assert!(status.success(), "{status}:\n{said}");
    for line in [
        "a replica of node-a",
        "visible position=",
        "moved     1250 cents, left are 48750",
        "there are only 48750 cents",
        "UNIQUE constraint",
        "node-b has shut down",
    ] {
        assert!(said.contains(line), "{line:?} is missing in:\n{said}");
    }
    assert_eq!(said.matches("each equals its entry in the file").count(), 2, "{said}");
    script.assert_nothing_is_left();
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn the_cluster_example_cleans_up_when_it_is_told_to_end() {
    let mut script = Script::start();
    let written = wait::until(BUILD, || match script.said() {
        said if said.contains("returned after") => Ok(()),
        said => Err(said),
    });
    written.unwrap_or_else(|said| panic!("nothing was written:\n{said}"));
    process::signal(&script.child, Signal::TERM).unwrap();
    let status = script.end(Duration::from_secs(30));
    assert_eq!(status.code(), Some(143), "{}", script.said());
    script.assert_nothing_is_left();
}

/// `examples/cluster/run`, with a folder of its own for what it makes.
struct Script {
    child: Child,
    output: PathBuf,
    made: PathBuf,
    _folder: TempDir,
}

impl Script {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (output, made) = (folder.path().join("output"), folder.path().join("made"));
        fs::create_dir(&made).unwrap();
        let log = File::create(&output).unwrap();
        let mut command = process::bound_command(root().join("examples/cluster/run"));
        command.env("TMPDIR", &made).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Self { child: process::spawn(command).unwrap(), output, made, _folder: folder }
    }

    fn end(&mut self, patience: Duration) -> ExitStatus {
        let ended = process::wait_exit(&mut self.child, patience).unwrap();
        ended.unwrap_or_else(|| panic!("it did not end within {patience:?}:\n{}", self.said()))
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap()).into_owned()
    }

    fn assert_nothing_is_left(&self) {
        let left: Vec<_> = fs::read_dir(&self.made).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(self.made.to_str().unwrap()), "{mounts}");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // Its own clean-up first: it knows what it started.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = process::signal(&self.child, Signal::TERM);
            let _ = process::wait_exit(&mut self.child, Duration::from_secs(20));
            let _ = self.child.kill();
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
