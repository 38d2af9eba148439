//! What an application node is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use litefs_diesel::Config;
use litefs_diesel::config::{Fence, JournalMode, RepoConfig};
use serde::{Deserialize, Serialize};

/// By what a node knows the others.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Identity {
    /// By nothing: they speak in plain text.
    #[default]
    Insecure,
    /// By the secret in this file.
    Secret(PathBuf),
    /// By certificates, in these files.
    Certificates {
        /// Who signs those of all nodes.
        authorities: PathBuf,
        /// This node's own.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

impl Identity {
    fn of(&self, config: Config) -> Config {
        match self {
            Self::Insecure => config.insecure(true),
            Self::Secret(file) => config.secret_file(file),
            Self::Certificates { authorities, certificate, key } => {
                config.certificates(authorities, certificate, key)
            }
        }
    }

    /// The lines of `[cluster]` in a settings file.
    #[must_use]
    pub fn lines(&self) -> String {
        match self {
            Self::Insecure => "insecure = true\n".to_owned(),
            Self::Secret(file) => format!("secret_file = {file:?}\n"),
            Self::Certificates { authorities, certificate, key } => {
                format!("ca_file = {authorities:?}\ncert_file = {certificate:?}\nkey_file = {key:?}\n")
            }
        }
    }
}

/// The settings of one application node, as JSON in its first argument.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NodeSettings {
    /// Repo names and their databases: `Repo`, and `AuditRepo` where there are two.
    pub databases: BTreeMap<String, PathBuf>,
    /// LiteFS's HTTP address; `None`: the node is alone.
    pub http: Option<String>,
    /// This node's name.
    pub node: String,
    /// Where it listens.
    pub listen: String,
    /// The names of all nodes, and their addresses.
    pub peers: BTreeMap<String, String>,
    /// By what it knows the others.
    pub identity: Identity,
    /// Whether those are told to be all nodes that there are (`cluster.nodes`).
    pub all_nodes: bool,
    /// Whether a primary needs a majority of them (`fence`).
    pub majority: bool,
    /// WAL when not said.
    pub journal_mode: Option<String>,
    /// The default deadline of a call, in milliseconds; the library's own when 0.
    pub timeout_ms: u64,
    /// How long it waits for a leader, in milliseconds; the library's own when 0.
    pub start_timeout_ms: u64,
    /// How long an open transaction may do nothing, in milliseconds; the library's own when 0.
    pub transaction_idle_ms: u64,
    /// What `on_open` runs on each connection.
    pub on_open: Option<String>,
    /// Whether writes that a failover dropped are sent again.
    pub resubmit: bool,
    /// Whether it is of the next release of the application, with other procedures.
    pub next_release: bool,
    /// The folder of the migrations that it runs when it starts.
    pub migrations: Option<PathBuf>,
    /// The folder for its record of the fault run.
    pub record: Option<PathBuf>,
    /// The nodes whose writes it takes while it is primary: all when not said, none when there are none.
    pub accept_writes_from: Option<Vec<String>>,
    /// What it logs (as `RUST_LOG`), spans too; else errors.
    pub log: Option<String>,
}

impl NodeSettings {
    /// A node that is alone, with one database.
    #[must_use]
    pub fn alone(database: impl Into<PathBuf>) -> Self {
        Self { databases: BTreeMap::from([("Repo".to_owned(), database.into())]), ..Self::default() }
    }

    /// The same for the library.
    #[must_use]
    pub fn config(&self) -> Config {
        let millis = Duration::from_millis;
        let mode = match self.journal_mode.as_deref() {
            Some("delete") => JournalMode::Delete,
            Some("truncate") => JournalMode::Truncate,
            Some("persist") => JournalMode::Persist,
            _ => JournalMode::Wal,
        };
        let mut config = Config::default();
        for (name, database) in &self.databases {
            let mut repo = RepoConfig::new(database.to_string_lossy()).journal_mode(mode);
            if self.timeout_ms > 0 {
                repo = repo.timeout(millis(self.timeout_ms));
            }
            if self.transaction_idle_ms > 0 {
                repo = repo.transaction_idle(millis(self.transaction_idle_ms));
            }
            config = config.repo(name, repo);
        }
        if let Some(http) = &self.http {
            config = config
                .litefs_http(http)
                .node_name(&self.node)
                .listen(&self.listen)
                .peer_table(self.peers.clone());
            config = self.identity.of(config);
            config = match self.accept_writes_from.as_deref() {
                Some([]) => config.accept_writes(false),
                Some(nodes) => config.accept_writes_from(nodes),
                None => config,
            };
            if self.all_nodes {
                config = config.nodes(self.peers.keys());
            }
            if self.majority {
                config = config.fence(Fence::Majority);
            }
        }
        if self.resubmit {
            config = config.resubmit_lost(true);
        }
        if self.start_timeout_ms > 0 {
            config = config.start_timeout(millis(self.start_timeout_ms));
        }
        if let Some(sql) = self.on_open.clone() {
            config =
                config.on_open(move |conn| diesel::connection::SimpleConnection::batch_execute(conn, &sql));
        }
        config
    }
}
