//! The names of all settings: what the file, the environment and the builder may set.

use std::fmt;

/// The keys of `[repo.NAME]`.
pub(super) const REPO: &[&str] = &[
    "database",
    "priv",
    "journal_mode",
    "foreign_keys",
    "pool_size",
    "busy_timeout",
    "queue_length",
    "timeout",
    "transaction_idle",
    "transaction_total",
    "read_transaction",
    "max_batch",
    "transactions_waiting",
    "busy_report",
    "ledger_result",
    "ledger_keep",
    "ack",
    "on_lost",
    "remember",
    "remember_writes",
];

/// The keys of `[litefs]`.
pub(super) const LITEFS: &[&str] = &["http", "start_timeout"];

/// The keys of `[cluster]`.
pub(super) const CLUSTER: &[&str] = &[
    "name",
    "node",
    "listen",
    "peer",
    "peers",
    "nodes",
    "fence",
    "fence_timeout",
    "accept_writes",
    "accept_writes_from",
    "secret_file",
    "secret",
    "ca_file",
    "cert_file",
    "key_file",
    "allow_readable_by_others",
    "insecure",
];

/// The keys of `[limits]`.
pub(super) const LIMITS: &[&str] = &[
    "connections",
    "connections_per_address",
    "handshakes",
    "handshake_rate",
    "handshake_rate_per_address",
    "handshake_timeout",
    "idle",
    "keepalive",
    "max_frame",
    "requests",
    "requests_per_connection",
    "request_bytes",
    "transactions",
    "transactions_per_connection",
    "statement_bytes",
    "binds",
    "bind_bytes",
    "result_rows",
    "result_bytes",
    "reply_bytes",
    "reply_timeout",
];

/// Which setting. Its text is what errors call it: `repo.Repo.pool_size`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// Of one repo.
    Repo(String, &'static str),
    /// Of every repo that does not have its own: set in code only.
    EveryRepo(&'static str),
    Litefs(&'static str),
    Cluster(&'static str),
    Limits(&'static str),
}

impl Key {
    /// Whether its value is to be seen by nobody.
    pub(super) fn is_secret(&self) -> bool {
        *self == Self::Cluster("secret")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repo(name, key) => write!(f, "repo.{}.{key}", quoted(name)),
            Self::EveryRepo(key) => write!(f, "repo.*.{key}"),
            Self::Litefs(key) => write!(f, "litefs.{key}"),
            Self::Cluster(key) => write!(f, "cluster.{key}"),
            Self::Limits(key) => write!(f, "limits.{key}"),
        }
    }
}

/// The key with this name, as the table has it.
pub(super) fn find(keys: &'static [&'static str], name: &str) -> Option<&'static str> {
    keys.iter().copied().find(|key| *key == name)
}

/// What an error says about a key that does not exist.
pub(super) fn known(section: &str, keys: &[&str]) -> String {
    format!("the settings of `[{section}]` are {}", keys.join(", "))
}

/// A part of a key, in quotes when TOML needs them.
pub(super) fn quoted(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { format!("{name:?}") }
}
