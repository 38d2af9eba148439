//! The acknowledged writes that a failover could still drop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::client::Sequence;
use crate::config::LostSettings;
use crate::position::Position;
use crate::request::{Ask, Work, Write};
use crate::shortened::beginning;

/// What remembered writes may take, in bytes of text and values: a bound beside that on their
/// number, for writes with large values.
const MAX_BYTES: usize = 64 << 20;

/// How often it is said at most that writes are forgotten too early: under load it goes on for long.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// A write that was acknowledged to its caller.
pub(super) struct Acknowledged {
    /// While it is held, the ledger keeps the entry.
    pub(super) sequence: Sequence,
    /// What it did, when it may be sent again; else its text.
    pub(super) what: What,
    pub(super) position: Position,
    /// The role's epoch in which it is known to be in the primary's history. In another one it has to
    /// be looked up.
    pub(super) epoch: u64,
    since: Instant,
    bytes: usize,
}

/// What is kept of a write.
pub(super) enum What {
    /// To be sent again.
    All(Write),
    /// To be told.
    Text(String),
}

impl What {
    fn to_tell(ask: &Ask) -> Self {
        Self::Text(match ask {
            Ask::Run(write) => beginning(write.text()).to_owned(),
            _ => "COMMIT".to_owned(),
        })
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::All(write) => write.text(),
            Self::Text(text) => text,
        }
    }

    fn bytes(&self) -> usize {
        let Self::All(write) = self else { return self.text().len() };
        match &write.work {
            Work::Statements(statements) => {
                statements.iter().map(|statement| statement.sql.len() + statement.binds.byte_len()).sum()
            }
            Work::Call(call) => call.name.len() + call.args.len(),
            Work::Migrate(plan) => plan.steps.iter().map(|step| step.sql.len()).sum(),
        }
    }
}

/// Those of one repo, in bounded memory and for a bounded time, the oldest first.
pub(super) struct Remembered {
    repo: String,
    settings: LostSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    writes: VecDeque<Acknowledged>,
    bytes: usize,
    /// When it was said that writes are forgotten too early, and of how many since nobody was told.
    said: Option<Instant>,
    unsaid: usize,
}

impl Remembered {
    pub(super) fn new(repo: &str, settings: LostSettings) -> Self {
        Self { repo: repo.to_owned(), settings, state: Mutex::default() }
    }

    pub(super) fn settings(&self) -> &LostSettings {
        &self.settings
    }

    /// Remembers a write that is acknowledged now, and was committed by the primary of that epoch.
    pub(super) fn add(&self, sequence: Sequence, ask: Ask, position: Position, epoch: u64) {
        let what = match ask {
            Ask::Run(write) if self.settings.resubmit => What::All(write),
            ask => What::to_tell(&ask),
        };
        self.add_as(sequence, what, position, epoch);
    }

    /// Remembers one that is not to be sent again, whatever the settings say.
    pub(super) fn add_to_tell(&self, sequence: Sequence, ask: &Ask, position: Position, epoch: u64) {
        self.add_as(sequence, What::to_tell(ask), position, epoch);
    }

    fn add_as(&self, sequence: Sequence, what: What, position: Position, epoch: u64) {
        let bytes = what.bytes();
        self.put_back([Acknowledged { sequence, what, position, epoch, since: Instant::now(), bytes }]);
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
        self.unwatched(forgotten.len());
        drop(forgotten); // not under the lock: each takes another
    }

    /// So many are forgotten that may still be lost: nobody will look them up.
    fn unwatched(&self, writes: usize) {
        if writes == 0 {
            return;
        }
        metrics::counter!("litefs_diesel_lost_unwatched_total", "repo" => self.repo.clone())
            .increment(writes as u64);
        let mut state = self.state.lock();
        state.unsaid += writes;
        if state.said.is_none_or(|said| said.elapsed() > SAY_EVERY) {
            let writes = std::mem::take(&mut state.unsaid);
            state.said = Some(Instant::now());
            drop(state);
            tracing::warn!(
                repo = self.repo,
                writes,
                "acknowledged writes are forgotten before they are known to be safe: should a failover drop them, \
                 nobody is told (settings `remember` and `remember_writes`; `cluster.nodes`, by which it is known)"
            );
        }
    }

    /// Forgets those that are safe in that epoch, or too old. One of another epoch is not safe before
    /// it was looked up, for which there is twice the time.
    pub(super) fn forget(&self, epoch: u64, is_everywhere: impl Fn(Position) -> bool) {
        let limit = self.settings.remember;
        let (mut forgotten, mut unwatched) = (Vec::new(), 0);
        let mut state = self.state.lock();
        // What is below one that every node has is there, too, and the other way round.
        let (mut has, mut lacks) = (0, u64::MAX);
        let mut is_safe = |position: Position| {
            if position.txid <= has || position.txid >= lacks {
                return position.txid <= has;
            }
            let safe = is_everywhere(position);
            if safe {
                has = position.txid
            } else {
                lacks = position.txid
            }
            safe
        };
        for write in std::mem::take(&mut state.writes) {
            let over = match write.epoch == epoch {
                true => write.is_old(limit) || is_safe(write.position),
                false => write.is_old(2 * limit),
            };
            unwatched += usize::from(over && write.epoch != epoch);
            if over { forgotten.push(write) } else { state.writes.push_back(write) }
        }
        state.bytes = state.writes.iter().map(|write| write.bytes).sum();
        drop(state);
        self.unwatched(unwatched);
        drop(forgotten); // not under the lock: each takes another
    }

    /// Takes out those that are not known to be in the history of that epoch, to look each up.
    pub(super) fn take_other_than(&self, epoch: u64) -> Vec<Acknowledged> {
        let mut state = self.state.lock();
        let (keep, taken) =
            std::mem::take(&mut state.writes).into_iter().partition(|write| write.epoch == epoch);
        state.writes = keep;
        state.bytes = state.writes.iter().map(|write| write.bytes).sum();
        let taken: VecDeque<Acknowledged> = taken;
        taken.into()
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
    /// The same, where it is known to be by now, and in which epoch.
    pub(super) fn at(self, position: Position, epoch: u64) -> Self {
        Self { position, epoch, ..self }
    }

    /// Whether its time of being remembered is over.
    fn is_old(&self, limit: Duration) -> bool {
        self.since.elapsed() > limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counted::Counted;
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
        let (remembered, client) = (Remembered::new("Repo", settings(false)), LedgerClient::new(1));
        for txid in 1..=5 {
            remembered.add(client.begin(), Ask::Run(write_of("INSERT")), at(txid), 1);
        }
        assert_eq!(client.begin().forgotten(), 2);
        remembered.forget(1, |position| position.txid <= 4);
        assert_eq!(client.begin().forgotten(), 4);
        let left = remembered.take_other_than(2);
        assert_eq!(left.iter().map(|write| write.position.txid).collect::<Vec<_>>(), [5]);
        assert_eq!(left[0].what.text(), "INSERT");
    }

    #[test]
    fn one_of_another_epoch_is_looked_up_and_not_taken_for_safe() {
        let (remembered, client) = (Remembered::new("Repo", settings(false)), LedgerClient::new(1));
        remembered.add(client.begin(), Ask::Run(write_of("old")), at(1), 1);
        remembered.add(client.begin(), Ask::Run(write_of("new")), at(2), 2);
        remembered.forget(2, |_| true);
        let taken = remembered.take_other_than(2);
        assert_eq!(taken.iter().map(|write| write.what.text()).collect::<Vec<_>>(), ["old"]);
        assert!(remembered.take_other_than(3).is_empty(), "the new one is everywhere");
    }

    #[test]
    fn those_that_are_forgotten_before_they_are_safe_are_counted_and_told_once_a_minute() {
        let counted = Counted::default();
        let counts = || counted.of("litefs_diesel_lost_unwatched_total Repo");
        metrics::with_local_recorder(&counted, || {
            let brief = LostSettings { remember: Duration::ZERO, ..settings(false) };
            let (remembered, client) = (Remembered::new("Repo", brief), LedgerClient::new(1));
            let add =
                |txid, epoch| remembered.add(client.begin(), Ask::Run(write_of("INSERT")), at(txid), epoch);
            (1..=3).for_each(|txid| add(txid, 1));
            assert_eq!(counts(), 0);
            // More than there is room for: the first is told at once, the next ones later, together.
            (4..=6).for_each(|txid| add(txid, 1));
            assert_eq!((counts(), remembered.state.lock().unsaid), (3, 2));
            // Their time is over, in their own epoch.
            let added = Instant::now();
            while added.elapsed().is_zero() {}
            remembered.forget(1, |_| false);
            assert_eq!(counts(), 3);
            // Nobody could be asked for twice that time.
            add(7, 1);
            let added = Instant::now();
            while added.elapsed().is_zero() {}
            remembered.forget(2, |_| true);
            assert_eq!((counts(), remembered.state.lock().unsaid), (4, 3));
            assert!(remembered.take_other_than(2).is_empty());
        });
    }

    #[test]
    fn what_is_to_be_sent_again_is_kept_whole_within_a_bound_of_bytes() {
        let client = LedgerClient::new(1);
        for (resubmit, kept) in [(true, 1), (false, 3)] {
            let remembered = Remembered::new("Repo", settings(resubmit));
            for txid in 1..=3 {
                let large = "x".repeat(MAX_BYTES - 100);
                remembered.add(client.begin(), Ask::Run(write_of(&large)), at(txid), 1);
            }
            assert_eq!(remembered.take_other_than(2).len(), kept);
        }
    }
}
