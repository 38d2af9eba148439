//! What names a write, for all its attempts.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Names a write: who asked (a random number a process start), and its how-manieth, from 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct RequestId {
    pub(crate) client: u128,
    pub(crate) sequence: u64,
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.client >> 96, self.sequence)
    }
}

/// What the ledger knows a write by, on each of its attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) id: RequestId,
    /// Of what it does: the same id with another hash is a mistake. 0 for a transaction, whose
    /// statements are not known beforehand, and for questions.
    pub(crate) hash: u64,
    /// The client's watermark: all its sequences up to this one are over and forgotten, and no
    /// attempt at them is to run any more.
    pub(crate) forgotten: u64,
    /// Whether an earlier attempt may still be on its way. Then a rejection is entered, too, so that
    /// the other one cannot run after it.
    pub(crate) again: bool,
}

/// The application's own name for a write, which outlives the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) name: String,
    /// Of what it does, without what the application marked as varying.
    pub(crate) hash: [u8; 16],
    /// For how long it is kept, on the ledger's own clock.
    pub(crate) keep: Duration,
}
