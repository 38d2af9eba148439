//! Median and spread.

/// The middle and the ends of a few numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Half of them are at most this.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// `None` for no number.
    ///
    /// ```
    /// use litefs_diesel_tests::bench::Spread;
    /// let spread = Spread::of(&[3.0, 1.0, 2.0, 10.0]);
    /// assert_eq!(spread, Some(Spread { median: 2.5, min: 1.0, max: 10.0 }));
    /// ```
    #[must_use]
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let sorted = sorted(numbers);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) };
        Some(Self { median, min, max })
    }
}

/// The number that `part` (0 to 1) of all are at most; `NaN` for none.
///
/// ```
/// use litefs_diesel_tests::bench::percentile;
/// let numbers: Vec<f64> = (1..=200).map(f64::from).collect();
/// assert_eq!(percentile(&numbers, 0.99), 198.0);
/// ```
#[must_use]
pub fn percentile(numbers: &[f64], part: f64) -> f64 {
    let sorted = sorted(numbers);
    let rank = (part * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
