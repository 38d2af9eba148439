//! What a write of the fault run does, in which way, and what it ends with.

use std::fmt;
use std::time::Duration;

use litefs_diesel::Ack;
use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::tables::{ACCOUNTS, COUNTERS};

/// One write of an application: one call, which the library may send more than once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// In every row that it inserts, and in nobody else's.
    pub tag: i64,
    /// What it does.
    pub work: Work,
    /// How the application says it.
    pub way: Way,
    /// When it returns.
    pub level: Level,
    /// Its deadline.
    pub timeout_ms: u64,
}

/// What a write does, all or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// So many rows with the tag.
    Insert(u32),
    /// A row with the tag where it may be once only: the database says no to a second one.
    Unique,
    /// One more in a counter, and a row that says so.
    Increment(i64),
    /// Cents from one account to another, and a row that says so.
    Transfer(Transfer),
    /// A row with the tag, and then what a constraint forbids: nothing of it is ever to be there.
    Refused,
}

/// Who gives whom how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Transfer {
    pub source: i64,
    pub target: i64,
    pub cents: i64,
}

/// How an application says what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Way {
    /// A typed method of the repo.
    Method,
    /// `repo.batch()`.
    Batch,
    /// One statement on the drop-in connection.
    Connection,
    /// Begin, some steps and commit on the drop-in connection.
    Transaction,
    /// The same, begun again when it did not run.
    Retrying,
    /// A procedure that runs on the primary.
    Procedure,
    /// As `Method` or `Batch`, under an idempotency key, and asked again under it when nobody knows.
    Keyed,
    /// As `Procedure`, likewise.
    KeyedProcedure,
}

impl Way {
    /// Whether the library keeps what it would have to send again. Of a transaction it does not: its
    /// statements were run one by one, and depend on what they read.
    #[must_use]
    pub fn is_kept(self) -> bool {
        !matches!(self, Self::Transaction | Self::Retrying)
    }

    /// Whether it is under a key of the application's own.
    #[must_use]
    pub fn is_keyed(self) -> bool {
        matches!(self, Self::Keyed | Self::KeyedProcedure)
    }
}

/// The levels of acknowledgement that the run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `Ack`")]
pub enum Level {
    Committed,
    Visible,
    Replicated(usize),
    Everywhere,
}

/// Each level, and how often the fault run writes at it.
pub const LEVELS: &[(u64, Level)] = &[
    (2, Level::Committed),
    (4, Level::Visible),
    (2, Level::Replicated(1)),
    (1, Level::Replicated(2)),
    (2, Level::Everywhere),
];

impl Level {
    /// What the library calls it.
    #[must_use]
    pub fn ack(self) -> Ack {
        match self {
            Self::Committed => Ack::Committed,
            Self::Visible => Ack::Visible,
            Self::Replicated(nodes) => Ack::Replicated(nodes),
            Self::Everywhere => Ack::Everywhere,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Work {
    /// How many rows with the tag there are once it is done.
    #[must_use]
    pub fn rows(self) -> usize {
        match self {
            Self::Insert(rows) => rows as usize,
            Self::Unique | Self::Increment(_) | Self::Transfer(_) => 1,
            Self::Refused => 0,
        }
    }

    /// How many rows each of its statements changes, said by a method or a batch.
    #[must_use]
    pub fn counts(self) -> Vec<usize> {
        match self {
            Self::Insert(rows) => vec![rows as usize],
            Self::Unique => vec![1],
            Self::Increment(_) => vec![1; 2],
            Self::Transfer(_) => vec![1; 3],
            Self::Refused => Vec::new(),
        }
    }
}

impl Attempt {
    /// Its deadline.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Throws the dice for one: each kind of work in each way that can say it, at some level.
    #[must_use]
    pub fn any(tag: i64, dice: &mut Dice, levels: &[(u64, Level)]) -> Self {
        let account = |dice: &mut Dice| dice.below(ACCOUNTS as u64) as i64 + 1;
        let work = match dice.weighed(&[(5, 0), (3, 1), (3, 2), (1, 3), (2, 4)]) {
            0 => Work::Insert(1 + dice.weighed(&[(4, 0), (1, 2)])),
            1 => Work::Increment(dice.below(COUNTERS as u64) as i64 + 1),
            2 => {
                let (source, target) = (account(dice), account(dice));
                Work::Transfer(Transfer { source, target, cents: dice.below(100) as i64 })
            }
            3 => Work::Refused,
            _ => Work::Unique,
        };
        let mut ways = vec![Way::Procedure, Way::Transaction, Way::Retrying, Way::Keyed, Way::KeyedProcedure];
        ways.extend(match work {
            Work::Insert(1) | Work::Unique => [Way::Method, Way::Connection],
            Work::Insert(_) => [Way::Method, Way::Method],
            _ => [Way::Batch, Way::Batch],
        });
        let way = *dice.one_of(&ways);
        let level = dice.weighed(levels);
        // Shorter than a commit, shorter than a failover, and longer than most.
        let timeout_ms = dice.weighed(&[(1, 2), (2, 50), (3, 500), (14, 2_000)]);
        Self { tag, work, way, level, timeout_ms }
    }
}
