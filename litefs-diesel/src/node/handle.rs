//! The public handle of a node.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use diesel::result::ConnectionError;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::here::HereOf;
use super::served::Served;
use super::view::Lag;
use super::{start as starting, stop};
use crate::config::{Config, Settings, StartError};
use crate::connection::{Access, LitefsConnection};
use crate::error::{Error, NotExecuted, outcome};
use crate::forward::Peers;
use crate::litefs::{Litefs, Role};
use crate::members::Members;
use crate::repo::{Database, Lent, LitefsRepo, RepoHandle};

/// One process's part in the cluster: its databases, its port, its view of LiteFS.
///
/// An application with one repo does not need to name it: `Repo::start(config)` starts a node for
/// that repo alone. With several repos, or for the drop-in connection without any, start one node
/// and put each repo on it: they share the port, and each has its own database.
///
/// Cloning is cheap. When the last clone, repo and stream of a node is dropped it stops by itself,
/// without anybody waiting for it (but for [`Config::temporary`]); [`shutdown`](Self::shutdown) waits.
///
/// ```
/// use litefs_diesel::{Config, Node, litefs_repo};
///
/// #[litefs_repo]
/// struct Repo;
/// #[litefs_repo]
/// struct AuditRepo;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), litefs_diesel::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let (app_db, audit_db) = (folder.path().join("app.db"), folder.path().join("audit.db"));
/// # let (app_db, audit_db) = (app_db.to_str().unwrap(), audit_db.to_str().unwrap());
/// let config = Config::default().database("Repo", app_db).database("AuditRepo", audit_db);
/// let node = Node::start(config).await?;
/// let (repo, audit) = (Repo::on(&node)?, AuditRepo::on(&node)?);
/// assert!(repo.role().is_primary(), "without LiteFS a node is always the primary");
/// node.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Node {
    pub(super) inner: Arc<Inner>,
}

/// What the handles of a node share. The node stops when it is dropped.
pub(super) struct Inner {
    pub(super) parts: Arc<Parts>,
    accepting: AtomicBool,
    stopped: OnceCell<Result<(), Duration>>,
}

/// Everything that was started.
pub(super) struct Parts {
    pub(super) settings: Settings,
    pub(super) litefs: Arc<Litefs>,
    pub(super) served: BTreeMap<String, Arc<Served>>,
    pub(super) peers: Arc<Peers>,
    pub(super) members: Arc<Members>,
    pub(super) lag: Arc<Lag>,
    pub(super) address: Option<SocketAddr>,
    /// Tells the tasks to end.
    pub(super) stopping: CancellationToken,
    pub(super) tasks: TaskTracker,
    // Last, so that it outlives what runs on it.
    pub(super) runtime: Runtime,
}

/// The node's own runtime, for network and waiting: its callers may be anywhere, on a runtime that
/// they block too. Dropping it does not block.
pub(super) struct Runtime(Option<tokio::runtime::Runtime>, tokio::runtime::Handle);

/// Threads of the runtime: one can serve the network while the other serves the control
/// connections; more would only compete with the application.
const THREADS: usize = 2;

/// How long dropping a node waits for the files of a temporary database to be closed.
const TEMPORARY: Duration = Duration::from_secs(2);

impl Runtime {
    fn new() -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("litefs-diesel")
            .enable_all()
            .build()
            .map_err(|error| StartError::System { why: format!("no threads: {error}") })?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }

    pub(super) fn handle(&self) -> &tokio::runtime::Handle {
        &self.1
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // A plain drop waits for the threads, and panics inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Node {
    /// Starts a node for every repo of the settings. Returns when each database is there and this
    /// node knows where its writes go: at once on a node that is alone, and on LiteFS when there
    /// is a leader and the databases have come (setting `litefs.start_timeout`).
    ///
    /// # Errors
    /// [`Error::Start`], which names the setting and what to do. Nothing is left running.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let settings = config.resolve()?;
        let runtime = Runtime::new()?;
        let handle = runtime.handle().clone();
        // On its own runtime: the caller's may have no timers, or none at all.
        let started = handle.spawn(starting::start(settings, runtime)).await;
        let parts =
            started.map_err(|error| StartError::System { why: format!("starting failed: {error}") })??;
        Ok(Self {
            inner: Arc::new(Inner {
                parts: Arc::new(parts),
                accepting: AtomicBool::new(true),
                stopped: OnceCell::new(),
            }),
        })
    }

    /// What this node is for LiteFS, as far as it has heard. Does not block.
    #[must_use]
    pub fn role(&self) -> Role {
        self.inner.parts.litefs.role().role
    }

    /// Where this node listens for the others; `None` when it is alone or `cluster.listen` is not
    /// set. With port 0 in the setting, this has the true one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.inner.parts.address
    }

    /// Takes no more calls, answers what is running, closes every file of the LiteFS mount (which
    /// else could not be unmounted) and ends the threads. A connection that the application still
    /// holds keeps its own file open: drop it. May be called more than once, from any clone.
    ///
    /// # Errors
    /// [`Error::Shutdown`] when what ran did not end in 15 s.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.inner.clone().shutdown().await
    }

    /// A connection to the repo of that name, for code that uses no repo struct: see
    /// [`LitefsConnection`]. Blocks on opening the file.
    ///
    /// # Errors
    /// When the settings have no such repo, or the file cannot be opened.
    pub fn connection(&self, repo: &str) -> Result<LitefsConnection, Error> {
        let served = self.inner.served(repo)?;
        connect(&served.access)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("role", &self.role())
            .field("address", &self.address())
            .field("repos", &self.inner.parts.served.keys())
            .finish()
    }
}

impl Inner {
    pub(super) fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::Acquire)
    }

    pub(super) fn served(&self, repo: &str) -> Result<Arc<Served>, Error> {
        if !self.is_accepting() {
            return Err(Error::NotExecuted(NotExecuted::ShuttingDown));
        }
        let name = &self.parts.settings.repo(repo)?.name;
        self.parts.served.get(name).cloned().ok_or(Error::NotExecuted(NotExecuted::ShuttingDown))
    }

    pub(super) async fn shutdown(self: Arc<Self>) -> Result<(), Error> {
        self.accepting.store(false, Ordering::Release);
        let parts = self.parts.clone();
        let stopped = self.stopped.get_or_init(|| async move {
            // On the node's runtime, so that it goes on when the caller stops waiting.
            let handle = parts.runtime.handle().clone();
            handle.spawn(stop::stop(parts)).await.unwrap_or(Ok(()))
        });
        stopped.await.map_err(|waited| Error::Shutdown { waited })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.stopped.initialized() {
            return;
        }
        let parts = self.parts.clone();
        let temporary = parts.settings.is_temporary();
        let (stopped, is_stopped) = mpsc::channel::<()>();
        // Nobody waits for it, and it may not block whoever drops the last handle.
        let stopping = std::thread::Builder::new().name("litefs-diesel stops".into()).spawn(move || {
            let handle = parts.runtime.handle().clone();
            let _ = handle.block_on(stop::stop(parts));
            drop(stopped);
        });
        match stopping {
            // But for a test's own files: they are to be gone when its program ends, which may be now.
            Ok(_) if temporary => drop(is_stopped.recv_timeout(TEMPORARY)),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the node could not be stopped in order"),
        }
    }
}

fn connect(access: &Arc<Access>) -> Result<LitefsConnection, Error> {
    LitefsConnection::on(access.clone()).map_err(|error| match error {
        ConnectionError::CouldntSetupConfiguration(error) => match outcome(&error) {
            Some(_) => Error::from(error),
            None => Error::Read(error),
        },
        // Whoever asked for the connection has not begun.
        error => Error::NotExecuted(NotExecuted::Unreadable(format!("{}: {error}", access.file.display()))),
    })
}

/// Starts a node that serves the repo `R` alone. What `Repo::start` calls.
#[doc(hidden)]
pub async fn start<R: LitefsRepo>(config: Config) -> Result<R, Error> {
    on(&Node::start(config.for_repo(R::NAME)).await?)
}

/// The repo `R` on a node that serves it, which from then on has its procedures. What `Repo::on`
/// calls.
#[doc(hidden)]
pub fn on<R: LitefsRepo>(node: &Node) -> Result<R, Error> {
    let served = node.inner.served(R::NAME)?;
    R::PROCEDURES.iter().for_each(|procedure| procedure.register(&served.procedures));
    let access = served.access.clone();
    let database = Database {
        primary: served.primary.clone(),
        readers: served.readers.clone(),
        here: Arc::new(HereOf { node: node.inner.clone(), served: served.clone() }),
        connect: Arc::new(move || connect(&access)),
        lent: Lent::new(served.settings.pool_size),
        timeout: served.settings.timeout,
        ack: served.settings.ack,
        runtime: node.inner.parts.runtime.handle().clone(),
    };
    Ok(R::from_handle(RepoHandle::new(Arc::new(database))))
}

/// How often a repo's position file was read, for the bench that shows that it does not grow with
/// the number of those who wait.
#[doc(hidden)]
pub fn position_reads<R: LitefsRepo>(node: &Node) -> Result<u64, Error> {
    Ok(node.inner.served(R::NAME)?.watch.reads())
}
