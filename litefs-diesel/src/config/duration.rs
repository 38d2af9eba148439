//! Durations as people write them: `"5s"`, `"200ms"`, `"1m 30s"`, or a number of milliseconds.

use std::time::Duration;

/// The longest that any setting may ask for. Far below what the system's clocks, SQLite's
/// `busy_timeout` (24 days) and the wire (49 days) can hold, so that no sum overflows.
pub(super) const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A text as a duration; `Err` says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return milliseconds(number);
    }
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is not a duration ({error}); write \"5s\" or \"200ms\""))?;
    check(duration)
}

/// A number without a unit: milliseconds.
pub(super) fn milliseconds(number: i64) -> Result<Duration, String> {
    let number = u64::try_from(number).map_err(|_| format!("{number} is below zero"))?;
    check(Duration::from_millis(number))
}

/// Not longer than any setting may be.
pub(super) fn check(duration: Duration) -> Result<Duration, String> {
    if duration > LONGEST {
        return Err("it is longer than 7 days, which no setting may be".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, expected) in [
            ("5s", 5_000),
            ("200ms", 200),
            ("1m 30s", 90_000),
            ("1.5s", 1_500),
            (" 250 ", 250),
            ("0", 0),
            ("7d", 604_800_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for (text, says) in [
            ("", "not a duration"),
            ("soon", "not a duration"),
            ("5 parsecs", "not a duration"),
            ("-5", "below zero"),
            ("-5s", "not a duration"),
            ("8d", "longer than 7 days"),
            ("9223372036854775807", "longer than 7 days"),
            ("99999999999999999999y", "not a duration"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
