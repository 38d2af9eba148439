//! Sequences that may have an entry, as ranges.

use std::collections::BTreeMap;

/// More ranges than this are made fewer by filling the gaps between them.
const MOST: usize = 1_024;

/// A set of numbers that may say "perhaps" of one that was never put in, and never "no" of one that
/// was.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    /// First to last of each; none touches another.
    ranges: BTreeMap<u64, u64>,
}

impl Ranges {
    pub(super) fn may_contain(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, last)| *last >= number)
    }

    /// Puts in all from `first` to `last`.
    pub(super) fn insert(&mut self, mut first: u64, mut last: u64) {
        if let Some((&before, &end)) = self.ranges.range(..=first).next_back()
            && end.saturating_add(1) >= first
        {
            first = before;
            last = last.max(end);
        }
        while let Some((&next, &end)) = self.ranges.range(first..=last.saturating_add(1)).next() {
            self.ranges.remove(&next);
            last = last.max(end);
        }
        self.ranges.insert(first, last);
        if self.ranges.len() > MOST {
            self.coarsen();
        }
    }

    /// Forgets all up to this one.
    pub(super) fn remove_to(&mut self, floor: u64) {
        while let Some((&first, &last)) = self.ranges.first_key_value()
            && first <= floor
        {
            self.ranges.remove(&first);
            if last > floor {
                self.ranges.insert(floor + 1, last);
            }
        }
    }

    /// Fills every second gap.
    fn coarsen(&mut self) {
        let mut old = std::mem::take(&mut self.ranges).into_iter();
        while let Some((first, last)) = old.next() {
            self.ranges.insert(first, old.next().map_or(last, |(_, last)| last));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut ranges = Ranges::default();
        for (first, last) in [(5, 6), (1, 2), (9, 9), (3, 4), (7, 8), (20, 30), (22, 25)] {
            ranges.insert(first, last);
        }
        assert_eq!(ranges.ranges, BTreeMap::from([(1, 9), (20, 30)]));
        assert!(ranges.may_contain(9) && !ranges.may_contain(10) && ranges.may_contain(30));
        ranges.insert(u64::MAX, u64::MAX);
        ranges.remove_to(24);
        assert_eq!(ranges.ranges, BTreeMap::from([(25, 30), (u64::MAX, u64::MAX)]));
    }

    #[test]
    fn too_many_gaps_are_filled_and_nothing_that_is_in_is_forgotten() {
        let mut ranges = Ranges::default();
        for number in (0..10_000).step_by(3) {
            ranges.insert(number, number);
        }
        assert!(ranges.len() <= MOST, "{}", ranges.len());
        assert!((0..10_000).step_by(3).all(|number| ranges.may_contain(number)));
        assert!(!ranges.may_contain(10_001));
    }
}
