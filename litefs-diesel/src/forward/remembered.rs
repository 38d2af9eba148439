//! The acknowledged writes that a failover could still drop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::client::Sequence;
use crate::config::LostSettings;
use crate::position::Position;
use crate::request::{Ask, Work};

/// What remembered writes may take, in bytes of text and values: a bound beside that on their
/// number, for writes with large values.
const MAX_BYTES: usize = 64 << 20;

/// A write that was acknowledged to its caller.
pub(super) struct Acknowledged {
    /// While it is held, the ledger keeps the entry.
    pub(super) sequence: Sequence,
    /// What it did, when it may be sent again; else its text.
    pub(super) what: What,
    pub(super) position: Position,
    since: Instant,
    bytes: usize,
}

/// What is kept of a write.
pub(super) enum What {
    /// To be sent again.
    All(Ask),
    /// To be told.
    Text(String),
}

impl What {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::All(Ask::Run(write)) => write.text(),
            Self::All(_) => "COMMIT",
            Self::Text(text) => text,
        }
    }

    fn bytes(&self) -> usize {
        let Self::All(Ask::Run(write)) = self else { return self.text().len() };
        match &write.work {
            Work::Statements(statements) => {
                statements.iter().map(|statement| statement.sql.len() + statement.binds.byte_len()).sum()
            }
            Work::Call(call) => call.name.len() + call.args.len(),
        }
    }
}

/// Those of one repo, in bounded memory and for a bounded time, the oldest first.
pub(super) struct Remembered {
    settings: LostSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    writes: VecDeque<Acknowledged>,
    bytes: usize,
}

impl Remembered {
    pub(super) fn new(settings: LostSettings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    pub(super) fn settings(&self) -> &LostSettings {
        &self.settings
    }

    /// Remembers a write that is acknowledged now.
    pub(super) fn add(&self, sequence: Sequence, ask: Ask, position: Position) {
        let what = match ask {
            ask @ Ask::Run(_) if self.settings.resubmit => What::All(ask),
            Ask::Run(write) => What::Text(super::router::beginning(write.text()).to_owned()),
            _ => What::Text("COMMIT".to_owned()),
        };
        let bytes = what.bytes();
        self.put_back([Acknowledged { sequence, what, position, since: Instant::now(), bytes }]);
    }

    /// Remembers again what was taken out.
    pub(super) fn put_back(&self, writes: impl IntoIterator<Item = Acknowledged>) {
        let mut forgotten = Vec::new();
        {
            let mut state = self.state.lock();
            for write in writes {
                state.bytes += write.bytes;
                state.writes.push_back(write);
            }
            while state.writes.len() > self.settings.remember_writes || state.bytes > MAX_BYTES {
                forgotten.extend(state.pop());
            }
        }
        drop(forgotten); // not under the lock: each takes another
    }

    /// Forgets those that are safe or too old.
    pub(super) fn forget(&self, is_everywhere: impl Fn(Position) -> bool) {
        let mut forgotten = Vec::new();
        let mut state = self.state.lock();
        while let Some(first) = state.writes.front()
            && (first.since.elapsed() > self.settings.remember || is_everywhere(first.position))
        {
            forgotten.extend(state.pop());
        }
        drop(state);
        drop(forgotten);
    }

    /// Takes all of them out, to look each up.
    pub(super) fn take_all(&self) -> Vec<Acknowledged> {
        let mut state = self.state.lock();
        state.bytes = 0;
        std::mem::take(&mut state.writes).into()
    }
}

impl State {
    fn pop(&mut self) -> Option<Acknowledged> {
        let first = self.writes.pop_front()?;
        self.bytes -= first.bytes;
        Some(first)
    }
}

impl Acknowledged {
    /// The same, where it is known to be by now.
    pub(super) fn at(self, position: Position) -> Self {
        Self { position, ..self }
    }

    /// Whether its time of being remembered is over.
    pub(super) fn is_old(&self, limit: Duration) -> bool {
        self.since.elapsed() > limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward::client::LedgerClient;
    use crate::server::testing::write_of;

    fn settings(resubmit: bool) -> LostSettings {
        let config = crate::config::Config::temporary().resubmit_lost(resubmit);
        LostSettings { remember_writes: 3, ..config.resolve().unwrap().repos["Repo"].lost.clone() }
    }

    fn at(txid: u64) -> Position {
        Position { txid, checksum: txid }
    }

    #[test]
    fn the_oldest_is_forgotten_first_and_with_it_its_sequence() {
        let (remembered, client) = (Remembered::new(settings(false)), LedgerClient::new(1));
        for txid in 1..=5 {
            remembered.add(client.begin(), Ask::Run(write_of("INSERT")), at(txid));
        }
        assert_eq!(client.begin().forgotten(), 2);
        remembered.forget(|position| position.txid <= 4);
        assert_eq!(client.begin().forgotten(), 4);
        let left = remembered.take_all();
        assert_eq!(left.iter().map(|write| write.position.txid).collect::<Vec<_>>(), [5]);
        assert_eq!(left[0].what.text(), "INSERT");
    }

    #[test]
    fn what_is_to_be_sent_again_is_kept_whole_within_a_bound_of_bytes() {
        let client = LedgerClient::new(1);
        for (resubmit, kept) in [(true, 1), (false, 3)] {
            let remembered = Remembered::new(settings(resubmit));
            for txid in 1..=3 {
                let large = "x".repeat(MAX_BYTES - 100);
                remembered.add(client.begin(), Ask::Run(write_of(&large)), at(txid));
            }
            assert_eq!(remembered.take_all().len(), kept);
        }
    }
}
