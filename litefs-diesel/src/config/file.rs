//! `litefs-diesel.toml` as a source: finding it and reading it, with the line of every value.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::env::Environment;
use super::error::{Origin, StartError};
use super::interpolate::interpolate;
use super::layer::{Layer, Value};
use super::schema::{self, Key};

/// What the settings file is called.
pub(super) const NAME: &str = "litefs-diesel.toml";

/// The settings file of this folder, or of the nearest one above it; `None` when there is none.
pub(super) fn find(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.exists())
}

/// What this file sets.
pub(super) fn read(path: &Path, environment: &Environment) -> Result<Layer, StartError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let next = match error.kind() {
            ErrorKind::NotFound => "; create it, or name another one (LITEFS_DIESEL_CONFIG)",
            _ => "",
        };
        StartError::File { path: path.to_owned(), why: format!("{error}{next}") }
    })?;
    parse(path, &text, environment)
}

pub(super) fn parse(path: &Path, text: &str, environment: &Environment) -> Result<Layer, StartError> {
    let source = Source { path, text, environment };
    let table = DeTable::parse(text).map_err(|error| StartError::Syntax {
        origin: source.origin(error.span().unwrap_or_default()),
        why: error.message().to_owned(),
    })?;
    let mut layer = Layer::default();
    for (section, content) in table.get_ref() {
        match section.get_ref().as_ref() {
            "repo" => {
                for (name, repo) in source.table("repo", content)? {
                    source.repo(&mut layer, name.get_ref(), repo)?;
                }
            }
            "litefs" => {
                layer.litefs = true;
                source.section(&mut layer, "litefs", schema::LITEFS, content, Key::Litefs)?;
            }
            "cluster" => source.section(&mut layer, "cluster", schema::CLUSTER, content, Key::Cluster)?,
            "limits" => source.section(&mut layer, "limits", schema::LIMITS, content, Key::Limits)?,
            other => {
                return Err(StartError::Unknown {
                    setting: schema::quoted(other),
                    origin: source.origin(section.span()),
                    why: "the sections are `[repo.NAME]`, `[litefs]`, `[cluster]` and `[limits]`".to_owned(),
                });
            }
        }
    }
    Ok(layer)
}

struct Source<'a> {
    path: &'a Path,
    text: &'a str,
    environment: &'a Environment,
}

impl Source<'_> {
    fn repo(&self, layer: &mut Layer, name: &str, repo: &Spanned<DeValue<'_>>) -> Result<(), StartError> {
        let section = format!("repo.{}", schema::quoted(name));
        layer.repos.insert(name.to_owned());
        self.section(layer, &section, schema::REPO, repo, |key| Key::Repo(name.to_owned(), key))
    }

    fn section(
        &self,
        layer: &mut Layer,
        name: &str,
        keys: &'static [&'static str],
        content: &Spanned<DeValue<'_>>,
        key_of: impl Fn(&'static str) -> Key,
    ) -> Result<(), StartError> {
        for (key, value) in self.table(name, content)? {
            let Some(known) = schema::find(keys, key.get_ref()) else {
                return Err(StartError::Unknown {
                    setting: format!("{name}.{}", schema::quoted(key.get_ref())),
                    origin: self.origin(key.span()),
                    why: schema::known(name, keys),
                });
            };
            layer.set(key_of(known), self.value(value.get_ref()), self.origin(value.span()));
        }
        Ok(())
    }

    fn table<'t, 'i>(
        &self,
        name: &str,
        content: &'t Spanned<DeValue<'i>>,
    ) -> Result<&'t DeTable<'i>, StartError> {
        content.get_ref().as_table().ok_or_else(|| StartError::Value {
            setting: name.to_owned(),
            origin: self.origin(content.span()),
            why: format!(
                "it is {}, and has to be a table: write `[{name}]`",
                self.value(content.get_ref()).kind()
            ),
        })
    }

    fn value(&self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => match interpolate(text, self.environment) {
                Ok(filled) if filled == *text => Value::Text(filled.into_owned()),
                Ok(filled) => Value::Loose(filled.into_owned()),
                Err(why) => Value::Broken(why),
            },
            DeValue::Integer(number) => {
                match i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => Value::Other("an integer of more than 64 bits"),
                }
            }
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.value(item.get_ref())).collect())
            }
            DeValue::Table(table) => Value::Table(
                table
                    .iter()
                    .map(|(key, value)| (key.get_ref().clone().into_owned(), self.value(value.get_ref())))
                    .collect::<BTreeMap<_, _>>(),
            ),
            DeValue::Float(_) => Value::Other("a number with a fraction"),
            DeValue::Datetime(_) => Value::Other("a date or a time"),
        }
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let (above, beside) = before.rsplit_once('\n').map_or((None, before), |(a, b)| (Some(a), b));
        let line = above.map_or(1, |above| above.matches('\n').count() + 2);
        Origin::File { path: self.path.to_owned(), line, column: beside.chars().count() + 1 }
    }
}
