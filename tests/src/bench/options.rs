//! What a bench is told on its command line.

use std::time::Duration;

/// `cargo bench … -- [--quick] [--only PART]…`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Fewer and shorter rounds: under a minute, with a wider spread.
    pub quick: bool,
    /// The parts to run; all of them when empty.
    pub only: Vec<String>,
}

impl Options {
    /// Reads the arguments behind the program's name; `parts` are the names that `--only` takes.
    ///
    /// # Errors
    /// For what it does not know, with what it does.
    ///
    /// ```
    /// use litefs_diesel_tests::bench::Options;
    /// let words = |text: &'static str| text.split(' ').map(String::from);
    /// let options = Options::parse(words("--quick --only reads --bench"), &["reads"]).unwrap();
    /// assert!(options.quick && options.wants("reads") && !options.wants("writes"));
    /// assert!(Options::parse(words("--only raeds"), &["reads"]).is_err());
    /// ```
    pub fn parse(args: impl IntoIterator<Item = String>, parts: &[&str]) -> Result<Self, String> {
        let usage = || format!("usage: [--quick] [--only PART]…, where PART is {}", parts.join(", "));
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                // What cargo itself adds.
                "--bench" => {}
                "--only" => match args.next() {
                    Some(part) if parts.contains(&part.as_str()) => options.only.push(part),
                    _ => return Err(usage()),
                },
                _ => return Err(usage()),
            }
        }
        Ok(options)
    }

    /// Whether a part is to run.
    #[must_use]
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// How many rounds count.
    #[must_use]
    pub fn rounds(&self) -> usize {
        if self.quick { 3 } else { 7 }
    }

    /// How many turns a contender has in a round where a turn lasts well under a millisecond: see
    /// [`Contest::run_short`](super::Contest::run_short).
    #[must_use]
    pub fn turns(&self) -> usize {
        if self.quick { 75 } else { 151 }
    }

    /// How long a round of many callers lasts.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_millis(if self.quick { 400 } else { 1_000 })
    }

    /// One number of the two: how much to do in a round.
    #[must_use]
    pub fn amount<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}
