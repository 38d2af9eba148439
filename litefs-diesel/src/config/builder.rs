//! Settings in code.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::{QueryResult, SqliteConnection};
use tempfile::TempDir;

use super::error::{Origin, StartError};
use super::layer::{Layer, Value};
use super::lost::LostHooks;
use super::open::Hook;
use super::repo::RepoConfig;
use super::schema::Key;
use super::settings::Fence;

/// What a node is told: its databases, its LiteFS, its peers.
///
/// [`Config::new`] for one database on a node that is alone, [`Config::load`] for the file and the
/// environment, [`Config::temporary`] for tests. The methods set more in code, which has the highest
/// rank; `Config::default()` has nothing but them. All settings, their units and defaults: [`config`](crate::config). Whether the values are
/// possible is looked at when the node starts.
///
/// A clone shares nothing but a temporary database.
///
/// ```
/// use litefs_diesel::Config;
/// use std::time::Duration;
///
/// let config = Config::new("app.db").timeout(Duration::from_secs(2));
/// ```
#[derive(Clone, Default)]
pub struct Config {
    pub(super) code: Layer,
    pub(super) environment: Layer,
    pub(super) file: Layer,
    /// `DATABASE_URL`: of the lowest rank.
    pub(super) database_url: Option<String>,
    /// The folder of the settings file.
    pub(super) root: Option<PathBuf>,
    /// The application's set-up of connections; for one repo, or for all.
    pub(super) on_open: Vec<(Option<String>, Hook)>,
    /// Told of lost writes, of every repo.
    pub(super) on_lost: LostHooks,
    pub(super) temporary: Option<Arc<TempDir>>,
    /// What went wrong before anybody could be told: [`Config::temporary`] gives no `Result`.
    pub(super) trouble: Option<StartError>,
    /// What the only repo is called when nothing names one.
    pub(super) only_repo: Option<String>,
    pub(super) without_ledger: bool,
    /// What the node is as a guest of the cluster, behind its name.
    pub(super) guest: Option<String>,
}

impl Config {
    /// One database on a node that is alone: plain SQLite, without file and environment. Takes every
    /// URL that `SqliteConnection` takes (a path, `file:…`, `sqlite://…`) but those of databases in
    /// memory, which every connection would have for itself.
    ///
    /// ```
    /// # use litefs_diesel::Config;
    /// let config = Config::new("app.db");
    /// let config = Config::new("file:/var/lib/shop/app.db");
    /// ```
    #[must_use]
    pub fn new(database: impl Into<String>) -> Self {
        Self::default().every_repo("database", Value::Text(database.into()))
    }

    /// A database of a test's own in a temporary folder, which is removed when the last clone of
    /// this and the last node that was started with it are gone. Any number of repos: each that is
    /// given no database gets a file there. Dropping that node without a shutdown blocks until its files
    /// are closed (2 s at most), so that a program that ends there leaves nothing behind.
    ///
    /// ```
    /// # use litefs_diesel::Config;
    /// let config = Config::temporary();
    /// ```
    #[must_use]
    pub fn temporary() -> Self {
        match tempfile::Builder::new().prefix("litefs-diesel-").tempdir() {
            Ok(folder) => Self { temporary: Some(Arc::new(folder)), ..Self::default() },
            Err(error) => {
                let why = format!("no temporary folder could be made: {error}");
                Self { trouble: Some(StartError::System { why }), ..Self::default() }
            }
        }
    }

    /// Settings of a repo. Only what `repo` sets is changed.
    ///
    /// ```
    /// # use litefs_diesel::{Config, config::RepoConfig};
    /// let config = Config::temporary()
    ///     .repo("Repo", RepoConfig::default().pool_size(2))
    ///     .repo("AuditRepo", RepoConfig::new("audit.db").foreign_keys(false));
    /// ```
    #[must_use]
    pub fn repo(mut self, name: impl Into<String>, repo: RepoConfig) -> Self {
        let name = name.into();
        self.code.repos.insert(name.clone());
        for (key, value) in repo.values {
            self.code.set(Key::Repo(name.clone(), key), value, Origin::Code);
        }
        self
    }

    /// Where the database of a repo is: a path or URL as in [`Config::new`]. A relative path counts
    /// from the working folder.
    #[must_use]
    pub fn database(self, repo: impl Into<String>, database: impl Into<String>) -> Self {
        self.repo(repo, RepoConfig::new(database))
    }

    /// The default deadline of a call, for every repo that does not have its own (default 10 s).
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.every_repo("timeout", Value::Duration(timeout))
    }

    /// How many connections read, for every repo that does not have its own (default 5).
    #[must_use]
    pub fn pool_size(self, connections: usize) -> Self {
        self.every_repo("pool_size", integer(connections))
    }

    /// Runs on each connection that the node opens, of every repo, the writer's too: the place for
    /// SQL functions, collations and a `PRAGMA`. Several run in the order in which they were given.
    /// It blocks the opening; an error keeps the connection from being used.
    ///
    /// ```
    /// # use litefs_diesel::Config;
    /// use diesel::connection::SimpleConnection;
    ///
    /// let config = Config::temporary().on_open(|conn| conn.batch_execute("PRAGMA cache_size = -8000"));
    /// ```
    #[must_use]
    pub fn on_open(
        mut self,
        hook: impl Fn(&mut SqliteConnection) -> QueryResult<()> + Send + Sync + 'static,
    ) -> Self {
        self.on_open.push((None, Arc::new(hook)));
        self
    }

    /// The same for the connections of one repo.
    #[must_use]
    pub fn on_open_for(
        mut self,
        repo: impl Into<String>,
        hook: impl Fn(&mut SqliteConnection) -> QueryResult<()> + Send + Sync + 'static,
    ) -> Self {
        self.on_open.push((Some(repo.into()), Arc::new(hook)));
        self
    }

    /// LiteFS's HTTP address on this node (default `http://127.0.0.1:20202`, once there is a
    /// `[litefs]` at all). This is what makes the node one of a cluster.
    ///
    /// ```
    /// # use litefs_diesel::Config;
    /// let config = Config::new("/litefs/app.db").litefs_http("http://127.0.0.1:20202");
    /// ```
    #[must_use]
    pub fn litefs_http(self, url: impl Into<String>) -> Self {
        self.set(Key::Litefs("http"), Value::Text(url.into()))
    }

    /// How long a node that boots before LiteFS has a leader waits (default 30 s).
    #[must_use]
    pub fn start_timeout(self, timeout: Duration) -> Self {
        self.set(Key::Litefs("start_timeout"), Value::Duration(timeout))
    }

    /// The cluster's name (default `litefs-diesel`): nodes of another one are refused.
    #[must_use]
    pub fn cluster_name(self, name: impl Into<String>) -> Self {
        self.set(Key::Cluster("name"), Value::Text(name.into()))
    }

    /// This node's name (default: the machine's host name, as for LiteFS's `lease.hostname`).
    #[must_use]
    pub fn node_name(self, name: impl Into<String>) -> Self {
        self.set(Key::Cluster("node"), Value::Text(name.into()))
    }

    /// The socket address on which peers reach this node, `127.0.0.1:7117`; port 0 takes a free one.
    #[must_use]
    pub fn listen(self, address: impl Into<String>) -> Self {
        self.set(Key::Cluster("listen"), Value::Text(address.into()))
    }

    /// How a host name of LiteFS becomes an address: `{hostname}:7117`.
    #[must_use]
    pub fn peer(self, template: impl Into<String>) -> Self {
        self.set(Key::Cluster("peer"), Value::Text(template.into()))
    }

    /// Host names of LiteFS and their addresses (`host:port`), one by one; they go before the
    /// template.
    ///
    /// ```
    /// # use litefs_diesel::Config;
    /// let config = Config::new("/litefs/app.db")
    ///     .litefs_http("http://127.0.0.1:20202")
    ///     .listen("127.0.0.1:7117")
    ///     .insecure(true)
    ///     .peer_table([("ams", "127.0.0.1:7117"), ("ord", "127.0.0.1:7118")]);
    /// ```
    #[must_use]
    pub fn peer_table<H: Into<String>, A: Into<String>>(
        self,
        peers: impl IntoIterator<Item = (H, A)>,
    ) -> Self {
        let table =
            peers.into_iter().map(|(host, address)| (host.into(), Value::Text(address.into()))).collect();
        self.set(Key::Cluster("peers"), Value::Table(table))
    }

    /// All nodes of the cluster, this one included, by their host names.
    #[must_use]
    pub fn nodes<N: Into<String>>(self, nodes: impl IntoIterator<Item = N>) -> Self {
        let nodes = nodes.into_iter().map(|node| Value::Text(node.into())).collect();
        self.set(Key::Cluster("nodes"), Value::List(nodes))
    }

    /// All nodes of the cluster are the addresses of this DNS name (`name`, or `name:port` where the
    /// port is another than that of `listen`).
    #[must_use]
    pub fn nodes_dns(self, name: impl fmt::Display) -> Self {
        self.set(Key::Cluster("nodes"), Value::Text(format!("dns:{name}")))
    }

    /// What keeps this node from writing while LiteFS has two primaries (default [`Fence::Heard`]).
    /// [`Fence::Majority`] needs [`nodes`](Self::nodes).
    ///
    /// ```
    /// # use litefs_diesel::{Config, config::Fence};
    /// let config = Config::new("/litefs/app.db").nodes(["ams", "ord", "fra"]).fence(Fence::Majority);
    /// ```
    #[must_use]
    pub fn fence(self, fence: Fence) -> Self {
        let word = match fence {
            Fence::Heard => "heard",
            Fence::Majority => "majority",
        };
        self.set(Key::Cluster("fence"), Value::Text(word.to_owned()))
    }

    /// How old the confirmations of [`Fence::Majority`] may be (default 2 s, at least 1.5 s). Keep it
    /// below the time to live of LiteFS's lease, so that this node stops before another begins.
    #[must_use]
    pub fn fence_timeout(self, timeout: Duration) -> Self {
        self.set(Key::Cluster("fence_timeout"), Value::Duration(timeout))
    }

    /// Whether this node takes writes of other nodes while it is primary (default `true`): `false` is for a
    /// node that reads much, as for analytics, and whose LiteFS may become primary all the same. Their
    /// writes, procedures, transactions and migrations are then
    /// [`NotExecuted::Refused`](crate::NotExecuted::Refused) at once, and the whole cluster cannot
    /// write until another node is primary. Its own run, and so do reads.
    #[must_use]
    pub fn accept_writes(self, accept: bool) -> Self {
        self.set(Key::Cluster("accept_writes"), Value::Bool(accept))
    }

    /// The names of the nodes whose writes this node takes while it is primary (default: all). By a
    /// node's certificate; with a shared secret by the name that it says it has, so that it guards against
    /// mistakes only.
    ///
    /// ```
    /// # use litefs_diesel::Config;
    /// let config = Config::new("/litefs/app.db").accept_writes_from(["ams", "ord"]);
    /// ```
    #[must_use]
    pub fn accept_writes_from<N: Into<String>>(self, nodes: impl IntoIterator<Item = N>) -> Self {
        let nodes = nodes.into_iter().map(|node| Value::Text(node.into())).collect();
        self.set(Key::Cluster("accept_writes_from"), Value::List(nodes))
    }

    /// The file with the secret that all nodes of the cluster share, in hex or base64, at least 32
    /// bytes of it: what each proves to the others. With several in it, white space between, the
    /// first is what this node presents, and all are accepted. It is read again when it changes.
    ///
    /// ```
    /// # use litefs_diesel::Config;
    /// let config = Config::new("/litefs/app.db")
    ///     .litefs_http("http://127.0.0.1:20202")
    ///     .listen("10.0.0.1:7117")
    ///     .peer("{hostname}:7117")
    ///     .secret_file("/run/secrets/litefs-diesel");
    /// ```
    #[must_use]
    pub fn secret_file(self, file: impl AsRef<Path>) -> Self {
        self.file("secret_file", file.as_ref())
    }

    /// Instead of a secret, certificates: `authorities` (PEM) sign those of all nodes; `certificate`
    /// is this node's own, with those between it and the authority, and `key` its private key. They are
    /// read again when they change.
    #[must_use]
    pub fn certificates(
        self,
        authorities: impl AsRef<Path>,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Self {
        self.file("ca_file", authorities.as_ref())
            .file("cert_file", certificate.as_ref())
            .file("key_file", key.as_ref())
    }

    /// Takes a secret or key file that others than its owner can read (default `false`), as Docker and
    /// Kubernetes mount them.
    #[must_use]
    pub fn allow_readable_by_others(self, allow: bool) -> Self {
        self.set(Key::Cluster("allow_readable_by_others"), Value::Bool(allow))
    }

    /// Nodes speak in plain text, and nothing tells them apart from others (default `false`): possible
    /// on loopback only.
    #[must_use]
    pub fn insecure(self, insecure: bool) -> Self {
        self.set(Key::Cluster("insecure"), Value::Bool(insecure))
    }

    /// Writes have no entry in the ledger: only to measure what that costs. A retry may double a write.
    #[doc(hidden)]
    #[must_use]
    pub fn without_ledger(mut self) -> Self {
        self.without_ledger = true;
        self
    }

    /// The repo that asks, when nothing names one: so nodes whose settings name it and nodes that
    /// have only `DATABASE_URL` call it the same.
    #[must_use]
    pub(crate) fn for_repo(mut self, name: &str) -> Self {
        self.only_repo = Some(name.to_owned());
        self
    }

    fn file(self, key: &'static str, file: &Path) -> Self {
        self.set(Key::Cluster(key), Value::Text(file.to_string_lossy().into_owned()))
    }

    fn every_repo(self, key: &'static str, value: Value) -> Self {
        self.set(Key::EveryRepo(key), value)
    }

    pub(super) fn set(mut self, key: Key, value: Value) -> Self {
        self.code.set(key, value, Origin::Code);
        self
    }
}

/// Which settings there are and where they come from; no value, which might be secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = [&self.code, &self.environment, &self.file];
        let entries = layers.into_iter().flat_map(|layer| &layer.entries);
        f.write_str("Config ")?;
        f.debug_map()
            .entries(entries.map(|(key, entry)| (key.to_string(), entry.origin.to_string())))
            .finish()
    }
}

/// A number that does not fit is far above every limit, and is refused as such.
pub(super) fn integer(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
