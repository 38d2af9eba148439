//! A value that was found, read as the type that its setting has.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::duration;
use super::error::{Origin, StartError};
use super::layer::{Entry, Value};

/// The value of a setting from the source of the highest rank.
pub(super) struct Found<'a> {
    /// What errors call it.
    pub(super) setting: String,
    pub(super) value: &'a Value,
    pub(super) origin: &'a Origin,
}

impl<'a> Found<'a> {
    pub(super) fn new(setting: String, entry: &'a Entry) -> Self {
        Self { setting, value: &entry.value, origin: &entry.origin }
    }

    pub(super) fn error(&self, why: impl Into<String>) -> StartError {
        StartError::Value { setting: self.setting.clone(), origin: self.origin.clone(), why: why.into() }
    }

    fn wrong_type(&self, expected: &str) -> StartError {
        match self.value {
            Value::Broken(why) => self.error(why.clone()),
            Value::Loose(_) => self.error(format!("it has to be {expected}")),
            value => self.error(format!("it is {}, and has to be {expected}", value.kind())),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self) -> Result<&'a str, StartError> {
        match self.value {
            Value::Text(text) | Value::Loose(text) if text.trim().is_empty() => {
                Err(self.error("it is empty"))
            }
            Value::Text(text) | Value::Loose(text) => Ok(text),
            _ => Err(self.wrong_type("a text, in quotes")),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, StartError> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            Value::Loose(text) if text.trim().eq_ignore_ascii_case("true") => Ok(true),
            Value::Loose(text) if text.trim().eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.wrong_type("`true` or `false`")),
        }
    }

    pub(super) fn count(&self, range: RangeInclusive<usize>) -> Result<usize, StartError> {
        let number = match self.value {
            Value::Integer(number) => Some(*number),
            Value::Loose(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.wrong_type("an integer"))?;
        usize::try_from(number).ok().filter(|number| range.contains(number)).ok_or_else(|| {
            self.error(format!("{number} is not possible: it has to be {} to {}", range.start(), range.end()))
        })
    }

    /// A duration; `zero` says what a duration of zero means, when that is possible at all.
    pub(super) fn duration(&self, zero: bool) -> Result<Duration, StartError> {
        let read = match self.value {
            Value::Integer(number) => duration::milliseconds(*number),
            Value::Duration(duration) => duration::check(*duration),
            Value::Text(text) | Value::Loose(text) => duration::parse(text),
            _ => return Err(self.wrong_type("a duration: \"5s\", \"200ms\", or a number of milliseconds")),
        };
        let duration = read.map_err(|why| self.error(why))?;
        if duration.is_zero() && !zero {
            return Err(
                self.error("0 is not possible: nothing is done in no time; write \"5s\" or \"200ms\"")
            );
        }
        Ok(duration)
    }

    /// From where relative paths count: the folder of the file that says them, because that file is
    /// found from many working folders; else the working folder.
    pub(super) fn folder(&self) -> &'a Path {
        match self.origin {
            Origin::File { path, .. } => path.parent().unwrap_or(Path::new("")),
            _ => Path::new(""),
        }
    }

    /// A list of texts; in the environment, commas between them.
    pub(super) fn list(&self) -> Result<Vec<&'a str>, StartError> {
        match self.value {
            Value::Loose(text) => {
                Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect())
            }
            Value::List(items) => items.iter().map(|item| self.inner(item)).collect(),
            _ => Err(self.wrong_type("a list of texts: [\"a\", \"b\"]")),
        }
    }

    /// A table of texts; in the environment, `a=x,b=y`.
    pub(super) fn table(&self) -> Result<BTreeMap<&'a str, &'a str>, StartError> {
        match self.value {
            Value::Loose(text) => text
                .split(',')
                .map(str::trim)
                .filter(|pair| !pair.is_empty())
                .map(|pair| match pair.split_once('=') {
                    Some((key, value)) => Ok((key.trim(), value.trim())),
                    None => Err(self.error(format!("`{pair}` has no `=`; write a=x,b=y"))),
                })
                .collect(),
            Value::Table(table) => {
                table.iter().map(|(key, value)| Ok((key.as_str(), self.inner(value)?))).collect()
            }
            _ => Err(self.wrong_type("a table of texts: { a = \"x\", b = \"y\" }")),
        }
    }

    fn inner(&self, value: &'a Value) -> Result<&'a str, StartError> {
        match value {
            Value::Text(text) | Value::Loose(text) => Ok(text),
            Value::Broken(why) => Err(self.error(why.clone())),
            other => Err(self.error(format!("{} is in it, and it may hold only texts", other.kind()))),
        }
    }
}
