//! Random numbers that are the same again for the same seed.

use std::time::Duration;

/// SplitMix64: small, and good enough to choose faults and amounts.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, 0 when that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none.
    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// One of these, each as likely as its weight says.
    ///
    /// # Panics
    /// When the weights are all 0.
    pub fn weighed<T: Clone>(&mut self, of: &[(u64, T)]) -> T {
        let mut point = self.below(of.iter().map(|(weight, _)| weight).sum());
        for (weight, thing) in of {
            if point < *weight {
                return thing.clone();
            }
            point -= weight;
        }
        unreachable!("the weights are all 0")
    }

    /// A time between two, in milliseconds.
    pub fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }

    /// Brings them into another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_others() {
        let rolls = |seed| {
            let mut dice = Dice::new(seed);
            [dice.roll(), dice.below(10), dice.roll()]
        };
        assert_eq!(rolls(7), rolls(7));
        assert_ne!(rolls(7), rolls(8));
    }

    #[test]
    fn a_shuffled_deck_has_the_same_cards() {
        let mut deck: Vec<_> = (0..20).collect();
        Dice::new(1).shuffle(&mut deck);
        assert_ne!(deck, (0..20).collect::<Vec<_>>());
        deck.sort_unstable();
        assert_eq!(deck, (0..20).collect::<Vec<_>>());
    }
}
