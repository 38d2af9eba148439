//! What must not be.

use std::fmt;

use crate::faults::record::{Class, Given};
use crate::faults::work::Level;

/// One thing that is not as it was promised. A `tag` names its write in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are what the texts name")]
pub enum Violation {
    /// There was nothing to hold the records against.
    NoDatabase,
    /// Two nodes have different contents.
    NodesDiffer { one: String, other: String },
    /// A row that nobody asked for.
    Unasked { tag: i64 },
    /// More rows than the write inserts: it ran twice.
    Doubled { tag: i64, class: Option<Class>, rows: usize, wanted: usize },
    /// Fewer rows than the write inserts, and not none.
    Partial { tag: i64, rows: usize, wanted: usize },
    /// What a write returned is not what is there: it is another attempt's.
    WrongValue { tag: i64, given: Given },
    /// A write that changed nothing, as its caller was told, is there.
    ThereAfterAll { tag: i64, class: Class },
    /// A write that returned a value at `Everywhere` is not there.
    MissingAtEverywhere { tag: i64 },
    /// Lost writes were to be sent again, and this one is not there.
    MissingThoughResubmitted { tag: i64, level: Level },
    /// Acknowledged writes are not there, and the application that was told so lives and was not told
    /// that they are lost.
    LostUntold { process: String, position: Option<String>, writes: usize, tags: Vec<i64> },
    /// Writes were reported as lost, and are there.
    FalselyLost { process: String, position: String, reports: usize },
    /// A call outlived its deadline.
    Late { tag: i64, late_ms: u64, stalled_ms: u64 },
    /// A call did not end, though its application lived on.
    NeverEnded { tag: i64 },
    /// A call ended with something that no write ends with.
    Strange { tag: i64, detail: String },
    /// What constraints forbid was done.
    NotRefused { tag: i64, class: Class },
    /// The database said no to what it should take.
    WronglyRefused { tag: i64, detail: String },
    /// A counter is not what its rows say.
    Counter { counter: i64, is: i64, rows: i64 },
    /// An account has not what its rows say.
    Account { account: i64, is: i64, rows: i64 },
    /// Cents have come or gone.
    Sum { is: i64, was: i64 },
}

impl Violation {
    /// The write that it is about, where it is about one.
    #[must_use]
    pub fn tag(&self) -> Option<i64> {
        match self {
            Self::Unasked { tag }
            | Self::Doubled { tag, .. }
            | Self::Partial { tag, .. }
            | Self::WrongValue { tag, .. }
            | Self::ThereAfterAll { tag, .. }
            | Self::MissingAtEverywhere { tag }
            | Self::MissingThoughResubmitted { tag, .. }
            | Self::Late { tag, .. }
            | Self::NeverEnded { tag }
            | Self::Strange { tag, .. }
            | Self::NotRefused { tag, .. }
            | Self::WronglyRefused { tag, .. } => Some(*tag),
            Self::LostUntold { tags, .. } => tags.first().copied(),
            _ => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
