//! The migrations tool on the nodes of a [`Site`], as a user runs it there.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::NodeSettings;
use super::site::Site;
use crate::process;

/// A folder a node with its settings, and one of migrations that only the tool has.
pub struct Tool {
    binary: PathBuf,
    folder: TempDir,
}

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// Its output, once it has succeeded.
    ///
    /// # Panics
    /// When it has not.
    #[must_use]
    pub fn ok(self) -> String {
        self.failed(0);
        self.out
    }

    /// What it said on standard error, once it has ended with that code.
    ///
    /// # Panics
    /// When it ended with another.
    pub fn failed(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        &self.err
    }
}

impl Tool {
    /// `binary` is `env!("CARGO_BIN_EXE_migrate")`.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn new(site: &Site, binary: &str) -> Self {
        let tool = Self { binary: binary.into(), folder: tempfile::tempdir().unwrap() };
        fs::create_dir(tool.migrations()).unwrap();
        for node in 0..site.cluster.len() {
            tool.set(node, &site.settings(node), true);
        }
        tool
    }

    /// Writes a node's settings file, with or without `cluster.nodes`.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn set(&self, node: usize, settings: &NodeSettings, all_nodes: bool) {
        let NodeSettings { databases, http, node: name, listen, peers, identity, .. } = settings;
        let (database, http) = (databases["Repo"].display(), http.as_deref().unwrap_or_default());
        let table: Vec<_> = peers.iter().map(|(name, address)| format!("{name} = {address:?}")).collect();
        let mut text = format!(
            "[repo.Repo]\ndatabase = \"{database}\"\npriv = \"..\"\n[litefs]\nhttp = {http:?}\n[cluster]\nnode = \
             {name:?}\nlisten = {listen:?}\npeers = {{ {} }}\n",
            table.join(", ")
        );
        text.push_str(&identity.lines());
        if all_nodes {
            text.push_str(&format!("nodes = {:?}\n", peers.keys().collect::<Vec<_>>()));
        }
        let path = self.settings(node);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A node's settings file.
    #[must_use]
    pub fn settings(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("{node}/litefs-diesel.toml"))
    }

    /// Where the migrations are, for all nodes.
    #[must_use]
    pub fn migrations(&self) -> PathBuf {
        self.folder.path().join("migrations")
    }

    /// Writes one.
    ///
    /// # Panics
    /// When it cannot.
    pub fn migration(&self, name: &str, up: &str, down: &str) {
        let folder = self.migrations().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("up.sql"), up).unwrap();
        fs::write(folder.join("down.sql"), down).unwrap();
    }

    /// Takes one away.
    ///
    /// # Panics
    /// When it is not there.
    pub fn remove(&self, name: &str) {
        fs::remove_dir_all(self.migrations().join(name)).unwrap();
    }

    /// Runs the tool on a node, and waits for its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, node: usize, args: &[&str]) -> Ran {
        self.spawn(node, args).wait_with_output().unwrap().into()
    }

    /// Runs the tool on a node, on a terminal; what stood on it, control characters and all.
    ///
    /// # Panics
    /// When there is no `script` (util-linux), or the tool fails.
    #[must_use]
    pub fn on_a_terminal(&self, node: usize, args: &str) -> String {
        let mut command = process::bound_command("script");
        command.args(["--quiet", "--return", "--command"]).arg(format!("{} {args}", self.binary.display()));
        command.arg("/dev/null").env("LITEFS_DIESEL_CONFIG", self.settings(node));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ran::from(process::spawn(command).unwrap().wait_with_output().unwrap()).ok()
    }

    /// Starts the tool on a node.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    pub fn spawn(&self, node: usize, args: &[&str]) -> Child {
        let start = || -> io::Result<Child> {
            let mut command: Command = process::bound_command(&self.binary);
            // Not by the working folder, which would keep a mount busy.
            command.args(args).env("LITEFS_DIESEL_CONFIG", self.settings(node));
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            process::spawn(command)
        };
        start().unwrap()
    }

    /// The repo's part of an answer in JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self, node: usize, args: &[&str]) -> Value {
        let ran = self.run(node, &[args, &["--json"]].concat());
        let value: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        value["repos"][0].clone()
    }
}
