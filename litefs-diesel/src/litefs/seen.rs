//! What was seen of one database's position, and what that proves.

use crate::position::Position;

/// Where a database is, as far as it was seen, and under which role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) position: Position,
    /// The role's epoch in which it was seen.
    pub(crate) epoch: u64,
    /// Whether the database was seen to come there in that epoch. Else the position may be one of
    /// before, on a history that the epoch's primary does not have and will overwrite.
    pub(crate) proven: bool,
}

/// The latest.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) position: Position,
    /// The role epoch before it was read; `None` before the first.
    pub(super) epoch: Option<u64>,
    /// How many were seen: tells a read that began before another was seen.
    pub(super) count: u64,
    /// Whether it came to be in that epoch, and so from its primary.
    pub(super) proven: bool,
}

/// Where a position comes from.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// A read that began when so many were seen.
    File(u64),
    /// May be told late, when the file has shown more.
    Event,
}

/// What a position says that was not known before.
pub(super) struct New {
    /// The epoch whose history was dropped, when this position shows that.
    pub(super) dropped: Option<u64>,
    /// As in [`Sight`].
    pub(super) proven: bool,
    /// Whether [`Sight`] is another now.
    pub(super) changed: bool,
}

impl Seen {
    /// Takes a position in; `None` when it is an old one that came late. `epoch` is the role's from
    /// before it was read.
    pub(super) fn see(&mut self, position: Position, epoch: u64, source: Source) -> Option<New> {
        let mut dropped = None;
        if position.txid < self.position.txid {
            let late = match source {
                Source::File(count) => count != self.count,
                Source::Event => self.epoch == Some(epoch),
            };
            if late {
                return None;
            }
            dropped = self.epoch;
        }
        // What the file shows first in an epoch may have been there before.
        let proven = source == Source::Event
            || self.epoch == Some(epoch) && (self.proven || position != self.position);
        let before = self.sight();
        *self = Self { position, epoch: Some(epoch), count: self.count + 1, proven };
        Some(New { dropped, proven, changed: before != self.sight() })
    }

    pub(super) fn sight(&self) -> Option<Sight> {
        Some(Sight { position: self.position, epoch: self.epoch?, proven: self.proven })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(txid: u64) -> Position {
        Position { txid, checksum: txid }
    }

    fn proven(seen: &Seen) -> bool {
        seen.sight().is_some_and(|sight| sight.proven)
    }

    #[test]
    fn what_the_file_shows_first_in_an_epoch_proves_nothing_and_what_comes_after_does() {
        let mut seen = Seen::default();
        seen.see(at(5), 1, Source::File(0));
        assert!(!proven(&seen));
        seen.see(at(5), 1, Source::File(1));
        assert!(!proven(&seen), "the same once more");
        seen.see(at(6), 1, Source::File(2));
        assert!(proven(&seen));
        seen.see(at(6), 2, Source::File(3));
        assert!(!proven(&seen), "the primary changed");
        seen.see(at(6), 2, Source::Event);
        assert!(proven(&seen), "it was told of as it was applied");
        seen.see(at(6), 2, Source::File(5));
        assert!(proven(&seen));
    }

    #[test]
    fn a_history_that_was_replaced_within_the_epoch_is_proven() {
        let mut seen = Seen::default();
        seen.see(at(9), 1, Source::File(0));
        let new = seen.see(at(7), 1, Source::File(1)).unwrap();
        assert!(new.changed && new.dropped == Some(1) && proven(&seen));
        assert!(seen.see(at(6), 1, Source::Event).is_none(), "told late");
    }
}
