//! A real LiteFS of several nodes on this machine, for one test or a few.
//!
//! Each node is a `litefs mount` process with its own data directory, FUSE mount and port on
//! 127.0.0.1; node 0 is the primary. Everything is gone when the [`Cluster`] is dropped, and also
//! when the test panics or is killed.
//!
//! This room never reads or writes a database, and knows nothing of the library under test.

mod error;
mod http;
mod janitor;
mod mounts;
mod node;
mod settings;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

pub use error::ClusterError;
pub use mounts::is_mounted;
pub use node::Info;
pub use settings::Lease;

use crate::port::Port;
use crate::wait::{self, PATIENCE};
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
    janitor: Janitor,
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

    /// The same with a lease of one's choice.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_with(nodes: usize, lease: Lease) -> Result<Self, ClusterError> {
        Self::start_in(&std::env::temp_dir(), nodes, lease)
    }

    /// The same with all data and mounts below `parent`, whose file system the cluster then uses.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_in(parent: &Path, nodes: usize, lease: Lease) -> Result<Self, ClusterError> {
        let binary = binary()?;
        let dir = tempfile::Builder::new()
            .prefix("litefs-diesel-")
            .tempdir_in(parent)
            .map_err(|error| ClusterError::new(format!("no directory for the cluster: {error}")))?
            .keep();
        let mounts: Vec<PathBuf> = (0..nodes).map(|i| dir.join(format!("node-{i}/mnt"))).collect();
        // From here on, leaving by an error cleans up too.
        let mut cluster = Self { nodes: Vec::new(), janitor: Janitor::watch(&dir, &mounts)?, dir };

        let ports = (0..nodes).map(|_| Port::claim()).collect::<io::Result<Vec<_>>>();
        let ports = ports.map_err(|error| ClusterError::new(format!("no free port: {error}")))?;
        let addresses: Vec<String> = ports.iter().map(Port::address).collect();
        for (index, port) in ports.into_iter().enumerate() {
            let dir = cluster.dir.join(format!("node-{index}"));
            let settings = settings::yaml(&lease, index, &addresses, &dir);
            cluster.nodes.push(LitefsNode::create(index, &binary, dir, port, &settings)?);
        }
        for node in &cluster.nodes {
            node.start()?;
        }
        for node in &cluster.nodes {
            node.wait_ready()?;
        }
        Ok(cluster)
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

    /// The node's HTTP API, as `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn http(&self, node: usize) -> String {
        format!("http://{}", self.nodes[node].port.address())
    }

    /// The node's own `lease.hostname`. With a static lease, replicas name the primary's.
    #[must_use]
    pub fn hostname(&self, node: usize) -> String {
        settings::hostname(node)
    }

    /// All that the node's LiteFS has printed since the cluster began.
    #[must_use]
    pub fn log(&self, node: usize) -> String {
        self.nodes[node].log()
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

    /// Waits until every running node that is not paused has node `source`'s position of a
    /// database, and returns it.
    ///
    /// # Errors
    /// When they do not within [`PATIENCE`]; with the end of the log of one that lags.
    pub fn wait_replicated(&self, source: usize, database: &str) -> Result<String, ClusterError> {
        wait::until(PATIENCE, || {
            let text = |node: &LitefsNode| {
                let position = self.position(node.index, database);
                position.map_err(|error| node.fail(format!("no position of {database}: {error}")))
            };
            let target = text(&self.nodes[source])?;
            for node in self.nodes.iter().filter(|node| node.is_answering()) {
                let have = text(node)?;
                if have != target {
                    return Err(node.fail(format!("{database} is at {have} and not at {target}")));
                }
            }
            Ok(target)
        })
    }

    /// Ends a node's LiteFS by SIGTERM and waits for it. `Ok(false)` says that its mount was busy
    /// (a process has a file in it open) and is left behind dead, as LiteFS itself leaves it:
    /// see [`Cluster::unmount`].
    ///
    /// # Errors
    /// When it does not end within [`PATIENCE`], or was not running.
    pub fn stop_litefs(&self, node: usize) -> Result<bool, ClusterError> {
        self.nodes[node].end(Signal::TERM)?;
        Ok(!is_mounted(self.mount(node)))
    }

    /// Ends a node's LiteFS by SIGKILL, and removes the mount that this leaves behind.
    ///
    /// # Errors
    /// When it was not running, or the mount stays.
    pub fn kill_litefs(&self, node: usize) -> Result<(), ClusterError> {
        self.crash_litefs(node)?;
        self.unmount(node)
    }

    /// Ends a node's LiteFS by SIGKILL and leaves its dead mount there, as a crash does: every
    /// use of it is `ENOTCONN`, and LiteFS cannot start while a process keeps a file of it open.
    ///
    /// # Errors
    /// When it was not running.
    pub fn crash_litefs(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].end(Signal::KILL)
    }

    /// Takes a node's mount out of the file system (`umount -l`), whoever has files in it open.
    ///
    /// # Errors
    /// When it stays.
    pub fn unmount(&self, node: usize) -> Result<(), ClusterError> {
        mounts::unmount(self.mount(node)).map_err(|error| {
            self.nodes[node].fail(format!("cannot unmount {}: {error}", self.mount(node).display()))
        })
    }

    /// Starts a node's LiteFS again, with the same directories and port, and waits until it is
    /// mounted and answers. A replica may not replicate yet: see [`Cluster::wait_ready`].
    ///
    /// # Errors
    /// When it runs already or does not get there; with the end of its log.
    pub fn start_litefs(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].start()
    }

    /// Waits until a node is primary, or replicates from one.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`].
    pub fn wait_ready(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].wait_ready()
    }

    /// Stops a node's LiteFS where it is (SIGSTOP), as a stalled machine would. Whoever then uses
    /// its mount hangs until [`Cluster::resume`].
    ///
    /// # Errors
    /// When it was not running.
    pub fn pause(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].pause(true)
    }

    /// Lets a paused LiteFS go on (SIGCONT).
    ///
    /// # Errors
    /// When it was not running.
    pub fn resume(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].pause(false)
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
            node.kill();
        }
        self.janitor.finish(Duration::from_secs(10));
    }
}

/// The server: `LITEFS_BIN`, or where `tests/run` builds it.
fn binary() -> Result<PathBuf, ClusterError> {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/servers/litefs");
    let path = std::env::var_os("LITEFS_BIN").map_or_else(built, PathBuf::from);
    path.canonicalize().map_err(|error| {
        ClusterError::new(format!(
            "no LiteFS at {}: {error}; run tests/run, which builds it, or set LITEFS_BIN",
            path.display()
        ))
    })
}
