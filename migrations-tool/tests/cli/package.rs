//! A throw-away package, and the program run in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use tempfile::TempDir;

/// A folder that is gone when this is dropped.
pub(crate) struct Package {
    dir: TempDir,
}

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

const SETTINGS: &str = "[repo.Repo]\ndatabase = \"app.db\"\n";

impl Package {
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// With one repo, and its migrations folder.
    pub(crate) fn new() -> Self {
        let package = Self::empty();
        package.write("litefs-diesel.toml", SETTINGS);
        package.folder("priv/repo/migrations");
        package
    }

    /// With these migrations, each of which makes the table of its name.
    pub(crate) fn with_tables(names: &[&str]) -> Self {
        let package = Self::new();
        names.iter().for_each(|name| package.table(name));
        package
    }

    /// A migration `<version>_<table>`.
    pub(crate) fn table(&self, name: &str) {
        let table = name.split_once('_').unwrap().1;
        self.migration(
            name,
            &format!("CREATE TABLE {table} (id INTEGER);"),
            Some(&format!("DROP TABLE {table};")),
        );
    }

    pub(crate) fn migration(&self, name: &str, up: &str, down: Option<&str>) {
        self.write(&format!("priv/repo/migrations/{name}/up.sql"), up);
        if let Some(down) = down {
            self.write(&format!("priv/repo/migrations/{name}/down.sql"), down);
        }
    }

    /// Links followed, as the program finds its working folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn folder(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
    }

    /// The names of everything at the top.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program, started in a folder of the package, without the settings of whoever tests.
    pub(crate) fn command(&self, folder: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litefs-migrate"));
        command.args(args).current_dir(self.path(folder)).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let known = name.to_str().is_some_and(|name| {
                name.starts_with("LITEFS_DIESEL")
                    || ["DATABASE_URL", "MIGRATION_DIRECTORY", "DIESEL_CONFIG_FILE"].contains(&name)
            });
            if known {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_in("", args)
    }

    pub(crate) fn run_in(&self, folder: &str, args: &[&str]) -> Ran {
        ran(self.command(folder, args).output().unwrap())
    }

    /// As a user who may not do everything: not as root, where the tests are run so. The program comes
    /// along, because that user may not be able to reach it where it is.
    pub(crate) fn run_unprivileged(&self, args: &[&str]) -> Ran {
        const NOBODY: u32 = 65_534;
        let mut command = self.command("", args);
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(self.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
            let program = self.path("program");
            fs::copy(command.get_program(), &program).unwrap();
            let mut unprivileged = Command::new(program);
            unprivileged.args(args).current_dir(self.path("")).uid(NOBODY).env_clear();
            command = unprivileged;
        }
        ran(command.output().unwrap())
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command("", args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn connect(&self, database: &str) -> SqliteConnection {
        SqliteConnection::establish(self.path(database).to_str().unwrap()).unwrap()
    }

    /// A number from `app.db`.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        number(&mut self.connect("app.db"), sql)
    }

    /// Whether `app.db` has this table.
    pub(crate) fn has(&self, table: &str) -> bool {
        self.number(&format!("SELECT count(*) FROM sqlite_master WHERE name = '{table}'")) == 1
    }
}

pub(crate) fn number(conn: &mut SqliteConnection, sql: &str) -> i64 {
    #[derive(QueryableByName)]
    struct N {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    diesel::sql_query(format!("SELECT ({sql}) AS n")).get_result::<N>(conn).unwrap().n
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// It went well; what it answered.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// It failed with this code and these words.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {self:?}");
        }
        self.err
    }

    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

/// A link, where the system has them.
pub(crate) fn link(to: &Path, at: &Path) {
    std::os::unix::fs::symlink(to, at).unwrap();
}
