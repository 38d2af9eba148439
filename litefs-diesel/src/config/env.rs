//! The environment as a source: `LITEFS_DIESEL__SECTION__KEY`.

use std::collections::BTreeMap;

use zeroize::Zeroize;

use super::error::{Origin, StartError};
use super::interpolate::interpolate;
use super::layer::{Layer, Value};
use super::schema::{self, Key};

/// What every variable of ours begins with.
const PREFIX: &str = "LITEFS_DIESEL__";

/// All environment variables; `None` where the text is not UTF-8. Handed in, so that tests never
/// change the process's own.
#[derive(Default)]
pub(crate) struct Environment(BTreeMap<String, Option<String>>);

/// Every value may be a secret.
impl Drop for Environment {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

impl Environment {
    /// The process's own, as it is now.
    pub(crate) fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok())))
                .collect(),
        )
    }

    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(variables.into_iter().map(|(k, v)| (k.to_owned(), Some(v.to_owned()))).collect())
    }

    /// `None`: not set. `Some(None)`: not UTF-8.
    pub(super) fn get(&self, name: &str) -> Option<Option<&str>> {
        self.0.get(name).map(Option::as_deref)
    }

    /// A variable that counts as not set when it is empty, as container tools leave it.
    pub(super) fn get_filled(&self, name: &'static str) -> Result<Option<&str>, StartError> {
        match self.get(name) {
            Some(None) => Err(StartError::Value {
                setting: name.to_owned(),
                origin: Origin::Environment(name.to_owned()),
                why: "it is not UTF-8".to_owned(),
            }),
            Some(Some("")) | None => Ok(None),
            Some(value) => Ok(value),
        }
    }

    /// What the variables with our prefix set. Repo names stay as they are written here: which repo
    /// is meant is known only when the file and the code have named theirs.
    pub(super) fn layer(&self) -> Result<Layer, StartError> {
        let mut layer = Layer::default();
        for (variable, value) in &self.0 {
            if let Some(path) = variable.strip_prefix(PREFIX) {
                let value = match value {
                    None => Value::Broken("it is not UTF-8".to_owned()),
                    Some(text) => match interpolate(text, self) {
                        Ok(text) => Value::Loose(text.into_owned()),
                        Err(why) => Value::Broken(why),
                    },
                };
                layer.set(key(path, variable)?, value, Origin::Environment(variable.clone()));
            }
        }
        Ok(layer)
    }
}

fn key(path: &str, variable: &str) -> Result<Key, StartError> {
    let unknown = |setting: String, why: String| {
        Err(StartError::Unknown { setting, origin: Origin::Environment(variable.to_owned()), why })
    };
    let (section, rest) = path.split_once("__").unwrap_or((path, ""));
    let section = section.to_ascii_lowercase();
    let rest_lower = rest.to_ascii_lowercase();
    match section.as_str() {
        "repo" => {
            // From the right: a repo may have `__` in its name, no key of it has.
            let (name, key) = rest.rsplit_once("__").unwrap_or(("", rest));
            let key = key.to_ascii_lowercase();
            match schema::find(schema::REPO, &key) {
                Some(key) if !name.is_empty() => Ok(Key::Repo(name.to_owned(), key)),
                Some(key) => unknown(
                    format!("repo.{key}"),
                    format!("write the repo's name too: {PREFIX}REPO__NAME__{}", key.to_ascii_uppercase()),
                ),
                None => unknown(
                    format!("repo.{}.{key}", schema::quoted(name)),
                    schema::known("repo.NAME", schema::REPO),
                ),
            }
        }
        "litefs" => match schema::find(schema::LITEFS, &rest_lower) {
            Some(key) => Ok(Key::Litefs(key)),
            None => unknown(format!("litefs.{rest_lower}"), schema::known("litefs", schema::LITEFS)),
        },
        "cluster" => match schema::find(schema::CLUSTER, &rest_lower) {
            Some(key) => Ok(Key::Cluster(key)),
            None => unknown(format!("cluster.{rest_lower}"), schema::known("cluster", schema::CLUSTER)),
        },
        "limits" => match schema::find(schema::LIMITS, &rest_lower) {
            Some(key) => Ok(Key::Limits(key)),
            None => unknown(format!("limits.{rest_lower}"), schema::known("limits", schema::LIMITS)),
        },
        _ => unknown(
            section.clone(),
            format!(
                "write {PREFIX}REPO__NAME__KEY, {PREFIX}LITEFS__KEY, {PREFIX}CLUSTER__KEY or {PREFIX}LIMITS__KEY"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf_8_is_an_error_only_where_it_is_needed() {
        let mut environment = Environment::of([("LITEFS_DIESEL__REPO__A__DATABASE", "${HOME_DIR}/a.db")]);
        environment.0.insert("OTHER".to_owned(), None);
        assert!(environment.layer().is_ok());
        assert_eq!(environment.get_filled("NOT_SET"), Ok(None));
        assert!(environment.get_filled("OTHER").unwrap_err().to_string().contains("UTF-8"));
        environment.0.insert("HOME_DIR".to_owned(), None);
        let layer = environment.layer().unwrap();
        let entry = &layer.entries[&Key::Repo("A".to_owned(), "database")];
        assert!(matches!(&entry.value, Value::Broken(why) if why.contains("HOME_DIR is not UTF-8")));
    }
}
