//! Contenders that take turns.

use std::error::Error;

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

    /// Runs one round of each that does not count, then `rounds` that do. Who begins changes from
    /// round to round, so that nobody always has the warmer or the busier machine.
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
            for turn in 0..count {
                let index = (round + turn) % count;
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
