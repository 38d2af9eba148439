//! Contenders that take turns.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::hash::BuildHasher;

use super::spread::Spread;

/// Whatever kept a contender from doing its round.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A measurement, or why there is none.
pub type Outcome<T> = Result<T, Failure>;

type Round<'a, T> = Box<dyn FnMut() -> Outcome<T> + 'a>;

/// What takes part, each with a function that does one round and says what it measured.
pub struct Contest<'a, T> {
    contenders: Vec<(String, Round<'a, T>)>,
}

/// What was measured: for each contender one `T` a round, equal indexes being neighbours in time.
pub struct Results<T>(Vec<(String, Vec<T>)>);

impl<'a, T> Contest<'a, T> {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self { contenders: Vec::new() }
    }

    /// Adds a contender.
    #[must_use]
    pub fn enter(mut self, name: impl Into<String>, round: impl FnMut() -> Outcome<T> + 'a) -> Self {
        self.contenders.push((name.into(), Box::new(round)));
        self
    }

    /// Runs one round of each that does not count, then `rounds` that do. Who begins is left to
    /// chance: a fixed order can keep step with the scheduler, which then always interrupts the same.
    ///
    /// # Errors
    /// The first failure of any, with its name.
    ///
    /// ```
    /// use litefs_diesel_tests::bench::Contest;
    /// let results = Contest::new().enter("a", || Ok(2.0)).enter("b", || Ok(4.0)).run(3)?;
    /// assert_eq!(results.series("b", |value| *value), Some(vec![4.0; 3]));
    /// assert_eq!(results.series("c", |value| *value), None);
    /// # Ok::<(), litefs_diesel_tests::bench::Failure>(())
    /// ```
    pub fn run(mut self, rounds: usize) -> Outcome<Results<T>> {
        let count = self.contenders.len();
        let mut results: Vec<_> =
            self.contenders.iter().map(|(name, _)| (name.clone(), Vec::new())).collect();
        for round in 0..=rounds {
            // RandomState is std's only source of randomness.
            let first = RandomState::new().hash_one(round) as usize % count.max(1);
            for turn in 0..count {
                let index = (first + turn) % count;
                let (name, run) = &mut self.contenders[index];
                let measured = run().map_err(|error| format!("{name}: {error}"))?;
                if round > 0 {
                    results[index].1.push(measured);
                }
            }
        }
        Ok(Results(results))
    }
}

impl Contest<'_, f64> {
    /// The same for turns so short that a busy machine leaves most of them alone: `turns` of each
    /// make one round, whose number is their median, and what was interrupted is not in it.
    ///
    /// # Errors
    /// As [`Contest::run`].
    pub fn run_short(self, rounds: usize, turns: usize) -> Outcome<Results<f64>> {
        let Results(turned) = self.run(rounds * turns)?;
        let median = |turns: &[f64]| Spread::of(turns).map_or(f64::NAN, |spread| spread.median);
        let rounds = |all: Vec<f64>| all.chunks(turns.max(1)).map(median).collect();
        Ok(Results(turned.into_iter().map(|(name, all)| (name, rounds(all))).collect()))
    }
}

impl<T> Default for Contest<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Results<T> {
    /// One number a round of a contender; `None` for one that took no part.
    #[must_use]
    pub fn series(&self, name: &str, number: impl FnMut(&T) -> f64) -> Option<Vec<f64>> {
        Some(self.rounds(name)?.iter().map(number).collect())
    }

    /// All that a contender measured; `None` for one that took no part.
    #[must_use]
    pub fn rounds(&self, name: &str) -> Option<&[T]> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, rounds)| rounds.as_slice())
    }
}
