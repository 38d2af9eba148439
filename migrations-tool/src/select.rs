//! How many migrations, and which: `--to`, `--to-exclusive`, `-n`, `--all`.

use clap::Args;

use crate::error::Error;
use crate::history::History;
use crate::source::Migration;

/// Which migrations; these exclude each other.
#[derive(Args, Clone, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct Selection {
    /// As far as this version, which is included; dashes in it do not matter
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(crate) to: Option<String>,
    /// As far as this version, which is not included
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(crate) to_exclusive: Option<String>,
    /// At most this many (otherwise `run` takes all, `revert` and `redo` take one)
    #[arg(short, long, visible_alias = "step", value_name = "N")]
    pub(crate) number: Option<usize>,
    /// All of them (`run` does that by itself)
    #[arg(short, long)]
    pub(crate) all: bool,
}

fn version(text: &str) -> Result<String, String> {
    let version = text.replace('-', "");
    if version.is_empty() { Err("a version is not empty".to_owned()) } else { Ok(version) }
}

impl Selection {
    /// What is to be run: all that is pending when nothing is said.
    pub(crate) fn of_pending<'h>(&self, history: &'h History) -> Result<Vec<&'h Migration>, Error> {
        self.check(history)?;
        let within = |version: &String| match (&self.to, &self.to_exclusive) {
            (Some(to), _) => version <= to,
            (_, Some(to)) => version < to,
            _ => true,
        };
        let pending = history.pending().filter(|migration| within(&migration.version));
        Ok(pending.take(self.number.unwrap_or(usize::MAX)).collect())
    }

    /// The versions to revert, the last first: one when nothing is said.
    pub(crate) fn of_applied<'h>(&self, history: &'h History) -> Result<Vec<&'h str>, Error> {
        self.check(history)?;
        let within = |version: &&String| match (&self.to, &self.to_exclusive) {
            (Some(to), _) => *version >= to,
            (_, Some(to)) => *version > to,
            _ => true,
        };
        let ranged = self.all || self.to.is_some() || self.to_exclusive.is_some();
        let number = self.number.unwrap_or(if ranged { usize::MAX } else { 1 });
        Ok(history.applied.iter().rev().filter(within).take(number).map(String::as_str).collect())
    }

    fn check(&self, history: &History) -> Result<(), Error> {
        [&self.to, &self.to_exclusive].into_iter().flatten().try_for_each(|to| history.check_known(to))
    }
}
