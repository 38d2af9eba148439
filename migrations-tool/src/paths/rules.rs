//! The rules, in their order: the first that applies says where a repo's migrations are.

use std::fmt;
use std::path::{Path, PathBuf};

use litefs_diesel::config::Origin;

use super::underscore::{last_name, underscore};
use super::{DieselToml, Root};

/// Diesel's own variable for the folder.
pub(crate) const VARIABLE: &str = "MIGRATION_DIRECTORY";

/// What decides where a repo's migrations are.
pub(crate) struct Asked<'a> {
    pub(crate) repo: &'a str,
    /// `--migrations-path`, as given: they count from the working folder.
    pub(crate) flags: &'a [PathBuf],
    /// `MIGRATION_DIRECTORY`, likewise.
    pub(crate) variable: Option<PathBuf>,
    /// The repo's `priv`, and who set it.
    pub(crate) priv_dir: Option<(PathBuf, Origin)>,
    pub(crate) diesel: Option<&'a DieselToml>,
    pub(crate) root: &'a Root,
}

/// Where a repo's migrations are; the folders may not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) rule: Rule,
    /// The repo's own folder, where `structure.sql` goes: `priv`, or the inferred one.
    pub(crate) priv_dir: PathBuf,
    /// The folders of other repos.
    pub(crate) of_others: Vec<PathBuf>,
}

/// The rule that applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Flag,
    Variable,
    Priv { repo: String, written: PathBuf, origin: Origin },
    DieselToml(PathBuf),
    Inferred { repo: String },
}

/// Applies the rules. Looks at no folder.
pub(crate) fn find(asked: &Asked<'_>) -> Found {
    let repo = asked.repo.to_owned();
    let inferred = asked.root.folder.join("priv").join(underscore(last_name(&repo)));
    let own = asked.priv_dir.as_ref().map(|(written, _)| tidy(&asked.root.folder.join(written)));
    let priv_dir = own.unwrap_or(inferred);
    let (folders, rule) = if !asked.flags.is_empty() {
        (asked.flags.to_vec(), Rule::Flag)
    } else if let Some(folder) = &asked.variable {
        (vec![folder.clone()], Rule::Variable)
    } else if let Some((written, origin)) = &asked.priv_dir {
        let rule = Rule::Priv { repo, written: written.clone(), origin: origin.clone() };
        (vec![priv_dir.join("migrations")], rule)
    } else if let Some((diesel, folder)) = asked.diesel.and_then(|file| Some((file, file.migrations()?))) {
        (vec![folder], Rule::DieselToml(diesel.path.clone()))
    } else {
        (vec![priv_dir.join("migrations")], Rule::Inferred { repo })
    };
    Found { folders, rule, priv_dir, of_others: Vec::new() }
}

/// Without `.`; a `..` stays, because what is before it may be a link.
fn tidy(folder: &Path) -> PathBuf {
    folder.components().collect()
}

impl Rule {
    /// What scripts tell it by.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Variable => "environment",
            Self::Priv { .. } => "priv",
            Self::DieselToml(_) => "diesel.toml",
            Self::Inferred { .. } => "inferred",
        }
    }
}

/// The end of a sentence that begins with the folder: why it is this one.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => write!(f, "`--migrations-path` says so"),
            Self::Variable => write!(f, "the environment variable {VARIABLE} says so"),
            Self::Priv { repo, written, origin } => {
                write!(f, "`priv = {:?}` of [repo.{repo}] says so ({origin})", written.display().to_string())
            }
            Self::DieselToml(path) => {
                write!(f, "`dir` of [migrations_directory] says so ({})", path.display())
            }
            Self::Inferred { repo } => {
                write!(f, "it is inferred from the repo's name, `{repo}`: nothing else says where")
            }
        }
    }
}
