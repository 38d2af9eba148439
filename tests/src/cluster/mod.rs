//! A real LiteFS of several nodes on this machine, for one test or a few.
//!
//! Each node is a `litefs mount` process with its own data directory, FUSE mount and port on
//! 127.0.0.1, or in a network namespace of its own. With a static lease node 0 is the primary for
//! ever; with a Consul lease it is at the start. Everything is gone when the [`Cluster`] is dropped, and also when the test panics or is
//! killed.
//!
//! This room never reads or writes a database, and knows nothing of the library under test.

mod consul;
mod control;
mod error;
mod http;
mod janitor;
mod lease;
mod mounts;
mod node;
mod partition;
mod place;
mod roles;
mod server;
mod settings;
mod start;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub use consul::Consul;
pub use error::ClusterError;
pub use lease::{ConsulLease, Lease};
pub use mounts::is_mounted;
pub use node::Info;
pub use partition::{APPLICATION_PORT, LITEFS_PORT, Peer, Traffic};

use crate::netns::Network;
use crate::proxy::Proxy;
use janitor::Janitor;
use node::LitefsNode;

/// A LiteFS cluster; see the [module](self). All methods block, and may be called from any thread.
///
/// ```no_run
/// use litefs_diesel_tests::cluster::Cluster;
/// let cluster = Cluster::start(2)?;
/// assert!(cluster.info(0)?.is_primary);
/// let database_of_the_replica = cluster.mount(1).join("app.db");
/// # Ok::<(), litefs_diesel_tests::cluster::ClusterError>(())
/// ```
pub struct Cluster {
    // Dropped in this order: the servers end, then the janitor unmounts and removes.
    nodes: Vec<LitefsNode>,
    consul: Option<Consul>,
    janitor: Janitor,
    /// Keeps its subnet until the janitor is done.
    network: Option<Network>,
    /// In front of each node, if there are any.
    proxies: Vec<Proxy>,
    dir: PathBuf,
}

impl Cluster {
    /// Starts `nodes` LiteFS servers with a static lease, node 0 as the primary, and returns when
    /// all are mounted, know their role, and replicate.
    ///
    /// # Errors
    /// When a server does not get there; with the end of its log.
    pub fn start(nodes: usize) -> Result<Self, ClusterError> {
        Self::start_with(nodes, Lease::Static)
    }

    /// The same with a lease of one's choice: [`Lease::consul`], a [`ConsulLease`].
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_with(nodes: usize, lease: impl Into<Lease>) -> Result<Self, ClusterError> {
        Self::start_in(&std::env::temp_dir(), nodes, lease)
    }

    /// The same with all data and mounts below `parent`, whose file system the cluster then uses.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_in(parent: &Path, nodes: usize, lease: impl Into<Lease>) -> Result<Self, ClusterError> {
        start::cluster(parent, nodes, lease.into())
    }

    /// How many nodes there are, running or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A directory of the cluster's own, on an ordinary file system and gone with it: for what
    /// processes of the test write.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the node's databases are: its FUSE mount.
    #[must_use]
    pub fn mount(&self, node: usize) -> &Path {
        &self.nodes[node].mount
    }

    /// Where the node's LiteFS keeps its own files.
    #[must_use]
    pub fn data(&self, node: usize) -> &Path {
        &self.nodes[node].data
    }

    /// The node's HTTP API, as `http://<host>:<port>`.
    #[must_use]
    pub fn http(&self, node: usize) -> String {
        format!("http://{}", self.nodes[node].place.address())
    }

    /// The node's own `lease.hostname`. With a static lease, replicas name the primary's.
    #[must_use]
    pub fn hostname(&self, node: usize) -> String {
        settings::hostname(node)
    }

    /// The IP address of the node, which the test and the other nodes reach.
    #[must_use]
    pub fn host(&self, node: usize) -> &str {
        self.nodes[node].place.host()
    }

    /// An IP address of loopback's range on which the node's application listens: the other nodes
    /// reach it. In namespaces the test does not.
    #[must_use]
    pub fn loopback(&self, node: usize) -> &str {
        self.nodes[node].place.loopback()
    }

    /// A command that runs where the node is (in its namespace, if it has one) and ends with the
    /// test process. [`Cluster::prefix`] is the same in words.
    #[must_use]
    pub fn command(&self, node: usize, program: impl AsRef<OsStr>) -> Command {
        self.nodes[node].place.command(program)
    }

    /// The words that, put before a command, run it where the node is; none without namespaces.
    #[must_use]
    pub fn prefix(&self, node: usize) -> Vec<OsString> {
        self.nodes[node].place.prefix()
    }

    /// Whether the nodes are in network namespaces.
    #[must_use]
    pub fn in_namespaces(&self) -> bool {
        self.network.is_some()
    }

    /// A link from a node to an address: a proxy on a free port of the node's own loopback.
    ///
    /// # Errors
    /// As [`Proxy::start`].
    pub fn link(&self, node: usize, target: impl Into<String>) -> io::Result<Proxy> {
        Proxy::start_inside(self.nodes[node].place.namespace(), "127.0.0.1:0", target)
    }

    /// The link over which the others reach a node's LiteFS.
    ///
    /// # Panics
    /// Unless the lease is [`ConsulLease::through_proxies`].
    #[must_use]
    pub fn proxy(&self, node: usize) -> &Proxy {
        self.proxies.get(node).expect("a cluster whose lease does not say through_proxies() has none")
    }

    /// The lease store.
    ///
    /// # Panics
    /// When the lease is static.
    #[must_use]
    pub fn consul(&self) -> &Consul {
        self.consul.as_ref().expect("a cluster with a static lease has no Consul")
    }

    /// All that the node's LiteFS has printed since the cluster began.
    #[must_use]
    pub fn log(&self, node: usize) -> String {
        self.nodes[node].server.log()
    }

    /// What the node's `GET /info` says.
    ///
    /// # Errors
    /// When LiteFS does not answer.
    pub fn info(&self, node: usize) -> Result<Info, ClusterError> {
        self.nodes[node].info()
    }

    /// The text of `<database>-pos` on a node, without its line end. Blocks while LiteFS is paused.
    ///
    /// # Errors
    /// As the file system gives them: not found for a database that the node does not have.
    pub fn position(&self, node: usize, database: &str) -> io::Result<String> {
        let path = self.mount(node).join(format!("{database}-pos"));
        Ok(fs::read_to_string(path)?.trim_end().to_owned())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in &self.nodes {
                #[expect(clippy::print_stderr, reason = "the test runner shows it with the failed test")]
                {
                    eprintln!("{}", node.fail("the test failed".into()));
                }
            }
        }
        for node in &self.nodes {
            node.server.kill();
        }
        // Before its directory is removed.
        drop(self.consul.take());
        self.janitor.finish(Duration::from_secs(10));
    }
}
