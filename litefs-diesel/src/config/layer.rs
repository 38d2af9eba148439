//! What one source says: values with their origin, not yet checked for type.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::error::Origin;
use super::identity::SecretText;
use super::schema::Key;

/// A value as its source wrote it.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    /// A text that may stand for any type: the environment has no other, and `"${NAME}"` gives one.
    Loose(String),
    Integer(i64),
    Bool(bool),
    Duration(Duration),
    List(Vec<Value>),
    Table(BTreeMap<String, Value>),
    /// A type that no setting has; the word for it.
    Other(&'static str),
    /// The cluster's secret, as the environment has it.
    Secret(SecretText),
    /// What it stands for cannot be had (`${NAME}` of a variable that is not set), and why. It is an
    /// error only where nothing of higher rank sets the same.
    Broken(String),
}

impl Value {
    /// What it is, for an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Loose(_) => "a text",
            Self::Integer(_) => "an integer",
            Self::Bool(_) => "a boolean",
            Self::Duration(_) => "a duration",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
            Self::Secret(_) => "a secret",
            Self::Broken(_) => "a value that cannot be had",
        }
    }
}

/// Only the type: a value may hold what `${NAME}` brought in.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All that one source says.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) entries: BTreeMap<Key, Entry>,
    /// Repos that it names, also those of which it sets nothing.
    pub(super) repos: BTreeSet<String>,
    /// Whether it has a `[litefs]`, also an empty one.
    pub(super) litefs: bool,
}

impl Layer {
    pub(super) fn set(&mut self, key: Key, value: Value, origin: Origin) {
        let value = match value {
            Value::Loose(text) if key.is_secret() => Value::Secret(SecretText::new(text)),
            value => value,
        };
        match &key {
            Key::Repo(name, _) => _ = self.repos.insert(name.clone()),
            Key::Litefs(_) => self.litefs = true,
            Key::EveryRepo(_) | Key::Cluster(_) | Key::Limits(_) => {}
        }
        self.entries.insert(key, Entry { value, origin });
    }
}
