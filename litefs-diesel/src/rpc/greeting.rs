//! What is written in the frames of a hello.
//!
//! Some of it has to be read by every version there will ever be: [`MAGIC`], [`Versions`], and a [`Verdict`] of 1
//! followed by a [`No`] of 0, for no common version. Who calls does not know yet what the other speaks, so all the
//! rest may only grow at its end, and who is told more than it knows ignores it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Says that this is our protocol at all. Never changes, nor does [`Versions`] behind it.
pub(super) const MAGIC: [u8; 8] = *b"lfsdiesl";

/// Which of the two connections of a pair this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    Control,
    Data,
}

/// The oldest and the newest version that a node speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Versions {
    pub(super) oldest: u16,
    pub(super) newest: u16,
}

impl Versions {
    /// The highest that both speak.
    pub(super) fn common(self, other: Self) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.oldest, self.newest)
    }
}

/// The head of both frames.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Opening {
    pub(super) magic: [u8; 8],
    pub(super) versions: Versions,
}

/// What a node says of itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Introduction {
    pub(super) application: String,
    pub(super) cluster: String,
    /// LiteFS's `clusterID`; never empty.
    pub(super) litefs: String,
    pub(super) node: String,
    pub(super) process: u128,
    pub(super) repos: BTreeSet<String>,
}

/// What the one who was called says; its introduction follows a welcome.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Verdict {
    Welcome { protocol: u16 },
    No(No),
}

/// Why not, with what the one who says it has in place of what it was told.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum No {
    Protocol,
    Application(String),
    Cluster(String),
    Itself,
    Unreadable,
    LitefsCluster(String),
    NotYet,
    /// There is no place for a further connection.
    Full,
}
