//! One line of the table.

use super::spread::Spread;

/// What a line asks for.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// The ratio is at most this; then what one would like to see.
    AtMost(f64, Option<f64>),
    /// The ratio is at least this; then what one would like to see.
    AtLeast(f64, Option<f64>),
    /// The value itself is at most this, in the line's unit.
    ValueAtMost(f64),
}

/// What was measured, against what, and what was asked for.
#[derive(Clone, Debug)]
pub struct Line {
    what: String,
    unit: &'static str,
    /// The library's; `None` where it took no part.
    ours: Option<Spread>,
    reference: Option<Spread>,
    ratio: Option<Spread>,
    target: Option<Target>,
}

impl Line {
    /// The library against a reference: numbers of the same rounds.
    #[must_use]
    pub fn compare(
        what: impl Into<String>,
        unit: &'static str,
        ours: Option<Vec<f64>>,
        reference: Option<Vec<f64>>,
        target: Option<Target>,
    ) -> Self {
        let pairs = ours.iter().flatten().zip(reference.iter().flatten());
        let ratios: Vec<f64> = pairs.map(|(ours, reference)| ours / reference).collect();
        Self {
            what: what.into(),
            unit,
            ours: ours.as_deref().and_then(Spread::of),
            reference: reference.as_deref().and_then(Spread::of),
            ratio: Spread::of(&ratios),
            target,
        }
    }

    /// A reference alone: what the machine can do, for reading the other lines.
    #[must_use]
    pub fn reference(what: impl Into<String>, unit: &'static str, reference: Option<Vec<f64>>) -> Self {
        Self::compare(what, unit, None, reference, None)
    }

    /// A value of the library that has no reference, with what is asked for.
    #[must_use]
    pub fn value(what: impl Into<String>, unit: &'static str, ours: Option<Vec<f64>>, at_most: f64) -> Self {
        Self::compare(what, unit, ours, None, Some(Target::ValueAtMost(at_most)))
    }

    /// Whether the target is met; `None` without a target, or where the library took no part.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        Some(match self.target? {
            Target::AtMost(bound, _) => self.ratio?.median <= bound,
            Target::AtLeast(bound, _) => self.ratio?.median >= bound,
            Target::ValueAtMost(bound) => self.ours?.median <= bound,
        })
    }

    /// The cells of its row: what, ours, reference, ratio, target, met.
    pub(super) fn cells(&self) -> [String; 6] {
        let absent = if self.target.is_some() { "not measured" } else { "" };
        let ours = self.ours.map_or_else(|| absent.to_owned(), |ours| self.amount(ours.median));
        let reference = self.reference.map_or_else(String::new, |reference| self.amount(reference.median));
        let target = match self.target {
            None => String::new(),
            Some(Target::AtMost(bound, aim)) => format!("≤ {bound}{}", aimed(aim)),
            Some(Target::AtLeast(bound, aim)) => format!("≥ {bound}{}", aimed(aim)),
            Some(Target::ValueAtMost(bound)) => format!("≤ {}", self.amount(bound)),
        };
        // Without a ratio, the spread of what there is.
        let ratio = match (self.ratio, self.ours.or(self.reference)) {
            (Some(ratio), _) => format!("**{:.2}**{}", ratio.median, ends(ratio)),
            (None, Some(alone)) => ends(alone).trim_start().to_owned(),
            (None, None) => String::new(),
        };
        let met = match self.is_met() {
            Some(true) => "met",
            Some(false) => "NOT met",
            None => "",
        };
        [self.what.clone(), ours, reference, ratio, target, met.to_owned()]
    }

    fn amount(&self, number: f64) -> String {
        format!("{} {}", digits(number), self.unit).trim_end().to_owned()
    }
}

fn aimed(aim: Option<f64>) -> String {
    aim.map_or_else(String::new, |aim| format!(" (aim {aim})"))
}

fn ends(spread: Spread) -> String {
    if spread.min == spread.max {
        return String::new();
    }
    format!(" ({}–{})", digits(spread.min), digits(spread.max))
}

/// Three digits that count.
fn digits(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_each_round_and_not_that_of_the_medians() {
        // A machine that is three times slower in the last round.
        let (ours, reference) = (vec![1.0, 1.1, 3.6], vec![1.0, 1.0, 3.0]);
        let line = Line::compare("x", "ms", Some(ours), Some(reference), Some(Target::AtMost(1.1, None)));
        assert_eq!(line.is_met(), Some(true));
        assert_eq!(line.cells()[3], "**1.10** (1.00–1.20)");
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let line = Line::compare("x", "ms", None, Some(vec![1.0]), Some(Target::AtLeast(0.6, Some(0.8))));
        assert_eq!(line.is_met(), None);
        assert_eq!(line.cells(), ["x", "not measured", "1.00 ms", "", "≥ 0.6 (aim 0.8)", ""]);
    }
}
