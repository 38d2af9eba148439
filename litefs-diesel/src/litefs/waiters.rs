//! Who waits for which position, in the order of their wake.

use std::collections::BTreeMap;
use std::io;

use tokio::sync::oneshot;

use crate::position::Position;

/// Why a wait ended without the position.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WaitError {
    /// The deadline passed, and this node was at `have`, as far as it was seen.
    #[error("this node is at {have} and not at {target} yet")]
    Deadline { target: Position, have: Position },
    /// This node's history may not be the one that the target belongs to: the primary changed and
    /// the position went past the target unseen, or has the target's TXID with another checksum,
    /// or went backwards. A primary change can drop transactions.
    #[error(
        "this node is at {have}, and its history may not be the one that had {target}: the primary changed"
    )]
    HistoryChanged { target: Position, have: Position },
    /// The deadline passed, and the position could not be read.
    #[error("the position cannot be read: {0}; is LiteFS running on this node?")]
    Unreadable(#[source] io::Error),
    /// The node shuts down.
    #[error("the node is shutting down")]
    Closed,
}

pub(super) type Answer = Result<Position, WaitError>;

/// Names a waiter; ordered by what it waits for.
pub(super) type Key = (u64, u64);

pub(super) struct Waiter {
    pub(super) target: Position,
    /// The role epoch in which the target is known to have been this cluster's history.
    pub(super) epoch: u64,
    /// Whether the target is a commit of that epoch, and so later than all that was seen before it.
    pub(super) fresh: bool,
    pub(super) answer: oneshot::Sender<Answer>,
}

impl Waiter {
    fn judge(&self, have: Position, epoch: u64, proven: bool) -> Answer {
        judge(self.target, self.epoch, have, epoch)
            .filter(|_| !is_of_another_history(self.fresh, self.target, have, proven))
            .unwrap_or(Err(WaitError::HistoryChanged { target: self.target, have }))
    }
}

/// What a position says about a target: `None` while it is behind. `since` is the waiter's role
/// epoch, `epoch` the one in which `have` was read.
///
/// At equality the checksum proves or disproves it, whatever happened. Past it, only an unchanged
/// epoch says that the target was passed, and not replaced.
pub(super) fn judge(target: Position, since: u64, have: Position, epoch: u64) -> Option<Answer> {
    let good = match have.txid.cmp(&target.txid) {
        std::cmp::Ordering::Less => return None,
        std::cmp::Ordering::Equal => have.checksum == target.checksum,
        std::cmp::Ordering::Greater => since == epoch,
    };
    Some(if good { Ok(have) } else { Err(WaitError::HistoryChanged { target, have }) })
}

/// Whether a position past a commit of this epoch may be one of before: the new primary may have had
/// less, and overwrite what this node has more. Only what came in this epoch is surely from it.
pub(super) fn is_of_another_history(fresh: bool, target: Position, have: Position, proven: bool) -> bool {
    fresh && have.txid > target.txid && !proven
}

#[derive(Default)]
pub(super) struct Waiters {
    by_target: BTreeMap<Key, Waiter>,
    next: u64,
}

impl Waiters {
    pub(super) fn add(&mut self, waiter: Waiter) -> Key {
        let key = (waiter.target.txid, self.next);
        self.next += 1;
        self.by_target.insert(key, waiter);
        key
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.by_target.remove(&key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_target.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_target.len()
    }

    /// Takes out those whose TXID is reached, and nobody else is looked at.
    pub(super) fn take_reached(&mut self, txid: u64) -> Vec<Waiter> {
        let mut reached = Vec::new();
        while let Some(first) = self.by_target.first_entry().filter(|first| first.key().0 <= txid) {
            reached.push(first.remove());
        }
        reached
    }

    /// Takes out those whose target belongs to the history of `epoch` or an earlier one.
    pub(super) fn take_until_epoch(&mut self, epoch: u64) -> Vec<Waiter> {
        let all = std::mem::take(&mut self.by_target);
        let (old, new) = all.into_iter().partition(|(_, waiter)| waiter.epoch <= epoch);
        self.by_target = new;
        let old: BTreeMap<Key, Waiter> = old;
        old.into_values().collect()
    }

    pub(super) fn take_all(&mut self) -> Vec<Waiter> {
        std::mem::take(&mut self.by_target).into_values().collect()
    }
}

/// Answers waiters that were taken out; outside the lock, because it runs other tasks' wakers.
pub(super) fn answer(waiters: Vec<Waiter>, have: Position, epoch: u64, proven: bool) {
    for waiter in waiters {
        let answer = waiter.judge(have, epoch, proven);
        // Whoever does not wait any more has no use for it.
        let _ = waiter.answer.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(txid: u64, checksum: u64) -> Position {
        Position { txid, checksum }
    }

    #[test]
    fn past_the_target_an_unchanged_epoch_is_needed_and_at_it_the_checksum() {
        let target = at(10, 7);
        assert!(judge(target, 1, at(9, 7), 1).is_none());
        assert!(judge(target, 1, at(9, 7), 2).is_none());
        assert!(matches!(judge(target, 1, at(11, 1), 1), Some(Ok(_))));
        assert!(matches!(judge(target, 1, at(11, 1), 2), Some(Err(WaitError::HistoryChanged { .. }))));
        assert!(matches!(judge(target, 1, at(10, 7), 2), Some(Ok(_))));
        assert!(matches!(judge(target, 1, at(10, 8), 1), Some(Err(WaitError::HistoryChanged { .. }))));
    }

    #[test]
    fn only_those_who_are_reached_are_taken() {
        let mut waiters = Waiters::default();
        for txid in [5, 3, 4, 3] {
            let (answer, _) = oneshot::channel();
            waiters.add(Waiter { target: at(txid, 0), epoch: 0, fresh: false, answer });
        }
        let taken: Vec<u64> = waiters.take_reached(4).iter().map(|waiter| waiter.target.txid).collect();
        assert_eq!(taken, [3, 3, 4]);
        assert_eq!(waiters.len(), 1);
    }
}
