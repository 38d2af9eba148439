//! What one run of the tool works on: the settings, and the repos that were asked for.

use std::path::PathBuf;

use litefs_diesel::__tool::{self as engine, ToolDatabase, ToolRepo};
use litefs_diesel::Config;

use crate::cli::Common;
use crate::error::Error;
use crate::history::History;
use crate::paths::{self, Asked, DieselToml, Found, Root, existing_folders};
use crate::source::{self, Migrations};

/// The application that carries the tool: its repo, and its migrations.
pub(crate) struct Carried {
    pub(crate) repo: &'static str,
    pub(crate) migrations: Migrations,
}

/// The settings, and the repos.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) root: Root,
    pub(crate) diesel: Option<DieselToml>,
    pub(crate) targets: Vec<Target>,
    /// There is no `[litefs]`.
    alone: bool,
    /// `cluster.nodes` names all nodes.
    pub(crate) names_nodes: bool,
    /// The database is one of the command line.
    named: bool,
    /// The migrations are in the program.
    pub(crate) embedded: Option<Migrations>,
}

/// One repo.
pub(crate) struct Target {
    pub(crate) repo: ToolRepo,
    pub(crate) found: Found,
}

impl Session {
    /// Reads the settings. Opens no database.
    pub(crate) fn open(common: &Common, carried: Option<Carried>) -> Result<Self, Error> {
        let carried_repo = carried.as_ref().map(|carried| carried.repo);
        let mut config = Config::load()?;
        if let Some(name) = carried_repo.or(common.repos.first().map(String::as_str)) {
            config = config.with_only_repo(name);
        }
        let mut settings = config.for_tool()?;
        let names: Vec<String> = settings.repos.iter().map(|repo| repo.name.clone()).collect();
        let chosen = choose(&names, settings.unnamed, &common.repos, carried_repo)?;
        if let Some(url) = &common.database_url {
            let [name] = chosen.as_slice() else {
                return Err(Error::Usage(format!(
                    "`--database-url` is the database of one repo, and here are {}; name one with `--repo`",
                    chosen.join(", ")
                )));
            };
            config = config.with_database(name, url, "--database-url");
            settings = config.for_tool()?;
        }
        let working = std::env::current_dir().map_err(Error::WorkingFolder)?;
        let root = Root::find(settings.root.as_deref(), &working)?;
        let diesel = DieselToml::find(&root.folder)?;
        let variable = std::env::var_os(paths::VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let all = settings.repos.into_iter().map(|repo| {
            let found = paths::find(&Asked {
                repo: &repo.name,
                flags: &common.migrations_path,
                variable: variable.clone(),
                priv_dir: repo.priv_dir.clone(),
                diesel: diesel.as_ref(),
                root: &root,
            });
            Target { repo, found }
        });
        let mut targets: Vec<_> = all.collect();
        for at in 0..targets.len() {
            let others = targets.iter().enumerate().filter(|(other, _)| *other != at);
            let folders = others.flat_map(|(_, other)| other.found.folders.clone()).collect();
            if let Some(target) = targets.get_mut(at) {
                target.found.of_others = folders;
            }
        }
        targets.retain(|target| chosen.contains(&target.repo.name));
        // What is given on the command line goes before what is in the program.
        let embedded = carried.map(|carried| carried.migrations);
        let embedded = embedded.filter(|_| common.migrations_path.is_empty());
        let named = common.database_url.is_some();
        let (alone, names_nodes) = (settings.alone, settings.names_nodes);
        Ok(Self { config, root, diesel, targets, alone, names_nodes, named, embedded })
    }

    /// Runs `work` for each repo; errors name the repo when there are several.
    pub(crate) fn each(&self, mut work: impl FnMut(&Target) -> Result<(), Error>) -> Result<(), Error> {
        self.targets.iter().try_for_each(|target| {
            work(target).map_err(|cause| match self.targets.len() {
                1 => cause,
                _ => Error::Repo { repo: target.repo.name.clone(), cause: Box::new(cause) },
            })
        })
    }

    /// The migrations of a repo. Its folders have to be there.
    pub(crate) fn migrations(&self, target: &Target) -> Result<Migrations, Error> {
        if let Some(migrations) = &self.embedded {
            return Ok(migrations.clone());
        }
        let folders = existing_folders(&target.repo.name, &target.found, &self.root)?;
        Ok(source::read(folders)?)
    }

    /// The migrations of a repo, and what its database here has of them. Makes nothing.
    pub(crate) fn history(&self, target: &Target) -> Result<History, Error> {
        let migrations = self.migrations(target)?;
        let database = target.database()?;
        let applied = match database.read()? {
            Some(mut conn) => engine::applied(&mut conn).map_err(|error| Error::Read {
                database: database.file().to_owned(),
                why: engine::Cause::of(&error).to_string(),
            })?,
            None => Vec::new(),
        };
        Ok(History { migrations, applied })
    }

    /// Whether the repo's database is no LiteFS's: a test database that is named on the command line
    /// needs none, whatever the settings say.
    pub(crate) fn is_alone(&self, database: &ToolDatabase) -> bool {
        self.alone || (self.named && !database.is_on_litefs())
    }
}

impl Target {
    pub(crate) fn database(&self) -> Result<&ToolDatabase, Error> {
        self.repo.database.as_ref().map_err(|error| error.clone().into())
    }
}

/// The names of the repos that were asked for, in the order of the settings.
fn choose(
    names: &[String],
    unnamed: bool,
    asked: &[String],
    carried: Option<&str>,
) -> Result<Vec<String>, Error> {
    let unknown = |asked: &str, known: &[String]| Error::UnknownRepo {
        asked: asked.to_owned(),
        known: known.join(", "),
    };
    let find = |asked: &str, among: &[String], unnamed: bool| -> Result<String, Error> {
        if let Some(name) = among.iter().find(|name| *name == asked) {
            return Ok(name.clone());
        }
        let mut alike = among.iter().filter(|name| unnamed || name.eq_ignore_ascii_case(asked));
        match (alike.next(), alike.next()) {
            (Some(name), None) => Ok(name.clone()),
            _ => Err(unknown(asked, among)),
        }
    };
    let among = match carried {
        Some(carried) => vec![find(carried, names, unnamed)?],
        None => names.to_vec(),
    };
    if asked.is_empty() {
        return Ok(among);
    }
    asked.iter().map(|asked| find(asked, &among, unnamed && carried.is_none())).collect()
}
