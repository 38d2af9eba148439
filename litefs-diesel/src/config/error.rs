//! Why a node does not start.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::position::Position;

/// A setting is wrong, or the node cannot start with it. One variant a phase; the text names the
/// setting, where its value came from, and what to do.
///
/// ```
/// # use litefs_diesel::{Config, config::StartError};
/// let error = Config::load_from("/no/such/litefs-diesel.toml").unwrap_err();
/// assert!(error.to_string().contains("/no/such/litefs-diesel.toml"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings file cannot be read.
    #[error("the settings file {} cannot be read: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said, and what to do.
        why: String,
    },
    /// The settings file is not TOML.
    #[error("{origin} is not TOML: {why}")]
    Syntax {
        /// File and line.
        origin: Origin,
        /// What the parser said.
        why: String,
    },
    /// There is no such setting.
    #[error("there is no setting `{setting}` ({origin}): {why}")]
    Unknown {
        /// What was written, as `section.key`.
        setting: String,
        /// Where it was written.
        origin: Origin,
        /// What there is instead.
        why: String,
    },
    /// A setting has a wrong type or an impossible value.
    #[error("`{setting}` ({origin}): {why}")]
    Value {
        /// The setting, as `section.key`.
        setting: String,
        /// Where its value came from.
        origin: Origin,
        /// What is wrong, and what to do.
        why: String,
    },
    /// A setting is needed and was given nowhere.
    #[error("`{setting}` is not set: {why}")]
    Missing {
        /// The setting, as `section.key`.
        setting: String,
        /// Why it is needed, and how to set it.
        why: String,
    },
    /// The database is not where the settings say: on LiteFS, or not on LiteFS.
    #[error("`{setting}` ({origin}): {}: {why}", path.display())]
    Mount {
        /// The setting, as `section.key`.
        setting: String,
        /// Where its value came from.
        origin: Origin,
        /// The database file, or its folder.
        path: PathBuf,
        /// What was found there, and what to do.
        why: String,
    },
    /// The database file cannot be opened or set up.
    #[error("`{setting}`: {} cannot be opened: {why}", path.display())]
    Open {
        /// The setting, as `section.key`.
        setting: String,
        /// The database file.
        path: PathBuf,
        /// What SQLite said, and what to do.
        why: String,
    },
    /// The journal mode is one that LiteFS cannot replicate.
    #[error("`{setting}`: {why}")]
    JournalMode {
        /// The setting, as `section.key`.
        setting: String,
        /// The mode that was found, and what to do.
        why: String,
    },
    /// This node is a replica and does not have the database.
    #[error(
        "`{setting}`: this node is a replica of {primary} and {} is not here; opening it would make an empty one that \
         LiteFS does not know, so nothing was opened. Create the database on {primary} first; if it is there, look \
         whether LiteFS here is connected",
        path.display()
    )]
    NoDatabaseOnReplica {
        /// The setting, as `section.key`.
        setting: String,
        /// The database file.
        path: PathBuf,
        /// The primary's host name, as LiteFS gives it.
        primary: String,
    },
    /// This node is primary and has no data, and a peer has some.
    #[error(
        "`{setting}`: this node is primary and {} is missing or empty here, but {peer} has it at {position}. Writing \
         here would erase it on every node, so nothing was written. Hand the lease to {peer}, or bring LiteFS's data \
         folder of this node back; if the data is meant to go, remove it on {peer} too",
        path.display()
    )]
    EmptyPrimary {
        /// The setting, as `section.key`.
        setting: String,
        /// The database file.
        path: PathBuf,
        /// The peer that has the most.
        peer: String,
        /// How far that peer is.
        position: Position,
    },
    /// This node is primary and has no data, and whether a peer has some cannot be known, because the two
    /// will never talk as they are set up.
    #[error(
        "`{setting}`: this node is primary and {} is missing or empty here, and {peer} cannot be asked whether it has \
         it: {why}. Writing here could erase it on every node, so nothing was written",
        path.display()
    )]
    UnknownToPeer {
        /// The setting, as `section.key`.
        setting: String,
        /// The database file.
        path: PathBuf,
        /// The peer.
        peer: String,
        /// Why the two do not talk.
        why: String,
    },
    /// LiteFS had no leader, or could not be asked, for as long as `litefs.start_timeout` allows.
    #[error(
        "LiteFS gave no leader within {} (`litefs.start_timeout`): {why}",
        humantime::format_duration(*waited)
    )]
    NoLeader {
        /// How long the node waited.
        waited: Duration,
        /// What the last attempt said, and what to do.
        why: String,
    },
    /// The node cannot listen for its peers.
    #[error("`cluster.listen`: cannot listen on {address}: {why}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said, and what to do.
        why: String,
    },
    /// The cluster's identity cannot be read, or is none.
    #[error("`{setting}`: {why}")]
    Identity {
        /// The setting, as `section.key`.
        setting: String,
        /// What is wrong, and what to do; never the secret.
        why: String,
    },
    /// The system gave no thread, memory or temporary folder.
    #[error("the node's own threads and files could not be set up: {why}")]
    System {
        /// What the system said.
        why: String,
    },
}

/// Where the value of a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A place in the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The character in the line, counted from 1.
        column: usize,
    },
    /// This environment variable.
    Environment(String),
    /// A method of [`Config`](crate::Config) or [`RepoConfig`](crate::config::RepoConfig).
    Code,
    /// This argument of the migrations tool.
    Argument(String),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => {
                write!(f, "{}, line {line}, column {column}", path.display())
            }
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Code => f.write_str("set in code"),
            Self::Argument(name) => write!(f, "argument `{name}`"),
            Self::Default => f.write_str("the default"),
        }
    }
}
