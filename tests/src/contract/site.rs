//! A LiteFS cluster with an application node on each of its nodes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::settings::{Identity, NodeSettings};
use crate::app::{AppError, AppProcess, AppSpec};
use crate::cluster::{APPLICATION_PORT, Cluster, Lease};
use crate::port::Port;
use crate::proxy::Proxy;
use crate::wait::{self, PATIENCE};

/// A real LiteFS of some nodes, and what application nodes on it need: names and ports of their
/// own. Node 0 is the primary, with a static lease for ever and else at the start. In namespaces
/// the applications are started in their nodes' own.
pub struct Site {
    /// Applications end before their LiteFS does.
    pub cluster: Cluster,
    ports: Vec<Port>,
    binary: PathBuf,
}

impl Site {
    /// Starts the LiteFS nodes. `binary` is `env!("CARGO_BIN_EXE_app_node")`.
    ///
    /// # Panics
    /// When LiteFS does not start, or there are no ports.
    #[must_use]
    pub fn start(nodes: usize, binary: &str) -> Self {
        Self::start_with(nodes, Lease::Static, binary)
    }

    /// The same with a lease of one's choice.
    ///
    /// # Panics
    /// As [`Site::start`].
    #[must_use]
    pub fn start_with(nodes: usize, lease: impl Into<Lease>, binary: &str) -> Self {
        let cluster = Cluster::start_with(nodes, lease).unwrap();
        let ports = (0..nodes).map(|_| Port::claim().unwrap()).collect();
        Self { cluster, ports, binary: binary.into() }
    }

    /// Starts the applications of all nodes, the primary's first, with the database `app.db`.
    ///
    /// # Panics
    /// When one does not start.
    #[must_use]
    pub fn apps(&self) -> Vec<AppProcess> {
        (0..self.cluster.len()).map(|node| self.app(self.settings(node)).unwrap()).collect()
    }

    /// The usual settings of a node: the database `app.db`, and all nodes as peers.
    #[must_use]
    pub fn settings(&self, node: usize) -> NodeSettings {
        let peers = (0..self.cluster.len()).map(|node| (self.cluster.hostname(node), self.address(node)));
        NodeSettings {
            databases: BTreeMap::from([("Repo".to_owned(), self.database(node, "app.db"))]),
            http: Some(self.cluster.http(node)),
            node: self.cluster.hostname(node),
            listen: self.address(node),
            peers: peers.collect(),
            ..NodeSettings::default()
        }
    }

    /// The same for a network that is not loopback: each listens on its namespace's own address, and this file has
    /// the secret by which they know each other.
    #[must_use]
    pub fn secured_settings(&self, node: usize, secret_file: &Path) -> NodeSettings {
        let address = |node| format!("{}:{APPLICATION_PORT}", self.cluster.host(node));
        let peers = (0..self.cluster.len()).map(|node| (self.cluster.hostname(node), address(node)));
        NodeSettings {
            listen: address(node),
            peers: peers.collect(),
            identity: Identity::Secret(secret_file.to_owned()),
            ..self.settings(node)
        }
    }

    /// Where the application of a node listens.
    #[must_use]
    pub fn address(&self, node: usize) -> String {
        if self.cluster.in_namespaces() {
            format!("{}:{APPLICATION_PORT}", self.cluster.loopback(node))
        } else {
            self.ports[node].address()
        }
    }

    /// A link from the application of a node to that of another: put its address into the `peers` of
    /// the first.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn link(&self, from: usize, to: usize) -> Proxy {
        self.cluster.link(from, self.address(to)).unwrap()
    }

    /// The path of a database on a node.
    #[must_use]
    pub fn database(&self, node: usize, name: &str) -> PathBuf {
        self.cluster.mount(node).join(name)
    }

    /// Starts an application.
    ///
    /// # Errors
    /// When it does not say that it is ready; with the end of its log, in which its start error is.
    pub fn app(&self, settings: NodeSettings) -> Result<AppProcess, AppError> {
        let log = self.cluster.dir().join(format!("app-{}.log", settings.node));
        let node = (0..self.cluster.len()).find(|&node| self.cluster.hostname(node) == settings.node);
        let prefix = node.map(|node| self.cluster.prefix(node)).unwrap_or_default();
        start_app_behind(prefix, &self.binary, &settings, log)
    }

    /// Waits until a node's LiteFS and its primary's have the same position of `app.db`.
    ///
    /// # Panics
    /// When they do not within [`PATIENCE`].
    pub fn wait_replicated(&self) {
        self.cluster.wait_replicated(0, "app.db").unwrap();
    }
}

/// Starts an application node with these settings.
///
/// # Errors
/// When it does not say that it is ready.
pub fn start_app(
    binary: &Path,
    settings: &NodeSettings,
    log: impl Into<PathBuf>,
) -> Result<AppProcess, AppError> {
    start_app_behind(Vec::new(), binary, settings, log)
}

/// The same behind words that run a command elsewhere.
fn start_app_behind(
    prefix: Vec<OsString>,
    binary: &Path,
    settings: &NodeSettings,
    log: impl Into<PathBuf>,
) -> Result<AppProcess, AppError> {
    let settings = serde_json::to_string(settings).unwrap_or_default();
    let mut words = prefix.into_iter().chain([binary.into(), settings.into()]);
    let binary = words.next().unwrap_or_default().into();
    AppProcess::start(AppSpec { binary, args: words.collect(), envs: Vec::new(), log: log.into() })
}

/// Waits until an application says that its node has this role: `primary`, `replica` or `none`.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub fn wait_role(app: &AppProcess, role: &str) {
    wait::until(PATIENCE, || {
        let is: String = app.call("role", ()).map_err(|error| error.to_string())?;
        if is == role { Ok(()) } else { Err(format!("the role is {is} and not {role}")) }
    })
    .unwrap();
}
