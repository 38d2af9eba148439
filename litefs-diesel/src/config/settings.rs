//! The settings of a node, all of them read and checked: what the other rooms are given.

use super::accept::AcceptWrites;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::bounds::LimitSettings;
use super::error::{Origin, StartError};
use super::identity::IdentitySettings;
use super::lost::LostSettings;
use super::open::OnOpen;
use super::schema;
use super::url::DatabaseUrl;
use crate::Ack;

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) repos: BTreeMap<String, RepoSettings>,
    /// The only repo has no name of its own ([`Config::new`](crate::Config::new), `DATABASE_URL`):
    /// it serves whichever repo asks.
    pub(crate) unnamed: bool,
    /// `None`: the node is alone.
    pub(crate) litefs: Option<LitefsSettings>,
    pub(crate) cluster: ClusterSettings,
    /// What others may have of this node.
    pub(crate) limits: LimitSettings,
}

/// One repo's.
#[derive(Clone, Debug)]
pub(crate) struct RepoSettings {
    /// What the repo is called between nodes and in errors.
    pub(crate) name: String,
    pub(crate) database: DatabaseUrl,
    /// Who said where the database is.
    pub(crate) origin: Origin,
    /// `None`: leave a database that is there as it is, WAL for a new one.
    pub(crate) journal_mode: Option<JournalMode>,
    pub(crate) foreign_keys: bool,
    /// How many connections read.
    pub(crate) pool_size: usize,
    /// How many writes may wait for the writer before it says `Overloaded`.
    pub(crate) queue_length: usize,
    /// The deadline of a call that names none.
    pub(crate) timeout: Duration,
    /// How long an open transaction may do nothing.
    pub(crate) transaction_idle: Duration,
    /// How long a transaction may be open.
    pub(crate) transaction_total: Duration,
    /// How long a snapshot of this node's file may be open, or a stream read it.
    pub(crate) read_transaction: Duration,
    /// How many requests one commit takes at most.
    pub(crate) max_batch: usize,
    /// How many transactions may wait for the one that is open.
    pub(crate) transactions_waiting: usize,
    /// How long one statement may keep the writer busy before that is reported.
    pub(crate) busy_report: Duration,
    /// How many bytes of a write's result the ledger keeps for a second answer.
    pub(crate) ledger_result: usize,
    /// How long the ledger keeps a client that does not ask.
    pub(crate) ledger_keep: Duration,
    /// `false` in a measurement of what the ledger costs, and nowhere else.
    pub(crate) ledger: bool,
    /// When a write returns that does not say.
    pub(crate) ack: Ack,
    /// What is done about acknowledged writes that a failover drops.
    pub(crate) lost: LostSettings,
    /// For every connection that is opened.
    pub(crate) on_open: OnOpen,
    /// Keeps the folder of [`Config::temporary`](crate::Config::temporary) while anybody holds this.
    pub(crate) temporary: Option<Arc<TempDir>>,
}

/// How to talk with LiteFS on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LitefsSettings {
    /// `http://host:port`, without a slash at the end.
    pub(crate) http: String,
    /// How long a node that starts waits until LiteFS has a leader.
    pub(crate) start_timeout: Duration,
}

/// Who the other nodes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterSettings {
    pub(crate) name: String,
    /// This node's name, as its peers call it.
    pub(crate) node: String,
    /// `None`: nothing listens, and no peer is known.
    pub(crate) listen: Option<SocketAddr>,
    /// `host:port` with `{hostname}` in it.
    pub(crate) peer: Option<String>,
    /// Host name, as LiteFS gives it, to `host:port`.
    pub(crate) peers: BTreeMap<String, String>,
    /// All nodes that may be there, this one included.
    pub(crate) nodes: Option<Nodes>,
    /// How nodes know each other.
    pub(crate) identity: IdentitySettings,
    /// What keeps a primary from writing that is not the only one.
    pub(crate) fence: Fence,
    /// How old a confirmation of [`Fence::Majority`] may be.
    pub(crate) fence_timeout: Duration,
    /// Whose writes it takes.
    pub(crate) accept: AcceptWrites,
    /// This process is a guest beside the application's own node of the same name: what the others
    /// are told instead of that name. It counts for nothing, and nobody reaches it.
    pub(crate) guest: Option<String>,
}

/// What keeps a node from writing that LiteFS calls primary while another is primary, too
/// ([`Config::fence`](crate::Config::fence)).
///
/// LiteFS can have two primaries for minutes: when its lease store is silent to the old one, that one
/// goes on, and what it commits is dropped once it is back.
///
/// ```
/// # use litefs_diesel::config::Fence;
/// assert_eq!(Fence::default(), Fence::Heard);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fence {
    /// It stops as soon as it hears of a later primary, from that one or from a third node (the
    /// default). One that is cut off from everybody hears nothing, and goes on.
    #[default]
    Heard,
    /// And it writes only while most of the nodes in `cluster.nodes`, itself counted, have confirmed
    /// it within `cluster.fence_timeout`. One that is cut off stops; so does a cluster of which half
    /// is down.
    Majority,
}

/// How all nodes of the cluster are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// By their host names, as LiteFS gives them.
    List(Vec<String>),
    /// Every address of this DNS name, on this port.
    Dns { name: String, port: u16 },
}

/// How SQLite keeps a transaction that is not finished. LiteFS replicates these four; `MEMORY` and
/// `OFF` it would not see at all, so there is no word for them here.
///
/// ```
/// # use litefs_diesel::config::JournalMode;
/// assert_eq!(JournalMode::Wal.to_string(), "wal");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalMode {
    /// A write-ahead log: readers and the writer do not block each other. What a new database gets.
    Wal,
    /// A rollback journal, deleted after each transaction: SQLite's own default.
    Delete,
    /// A rollback journal, truncated after each transaction.
    Truncate,
    /// A rollback journal that stays, with its header cleared.
    Persist,
}

impl JournalMode {
    /// The word that `PRAGMA journal_mode` takes and gives.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wal => "wal",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
            Self::Persist => "persist",
        }
    }

    /// The mode of this word, in any case.
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Wal, Self::Delete, Self::Truncate, Self::Persist]
            .into_iter()
            .find(|mode| mode.as_str().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for JournalMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Settings {
    /// Whether a database goes with the node.
    pub(crate) fn is_temporary(&self) -> bool {
        self.repos.values().any(|repo| repo.temporary.is_some())
    }

    /// The repo that the application calls `name`: written so, or so but for the case (a name from
    /// the environment has none), or the only one when that has no name.
    pub(crate) fn repo(&self, name: &str) -> Result<&RepoSettings, StartError> {
        if let Some(repo) = self.repos.get(name) {
            return Ok(repo);
        }
        let mut alike =
            self.repos.values().filter(|repo| self.unnamed || repo.name.eq_ignore_ascii_case(name));
        match (alike.next(), alike.next()) {
            (Some(repo), None) => Ok(repo),
            _ => Err(StartError::Missing {
                setting: format!("repo.{}", schema::quoted(name)),
                why: format!(
                    "the repos that are set are {}; write `[repo.{}]`, or call the struct as one of them",
                    self.repos.keys().cloned().collect::<Vec<_>>().join(", "),
                    schema::quoted(name),
                ),
            }),
        }
    }

    /// Whether there is no LiteFS: this node is the primary, nothing listens, nothing waits.
    pub(crate) fn is_alone(&self) -> bool {
        self.litefs.is_none()
    }
}

impl RepoSettings {
    /// What errors call one of its settings: `repo.Repo.pool_size`.
    pub(crate) fn setting(&self, key: &str) -> String {
        format!("repo.{}.{key}", schema::quoted(&self.name))
    }
}
