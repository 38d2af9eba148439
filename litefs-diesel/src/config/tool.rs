//! What the migrations tool asks of the settings. Not for applications: it changes with the tool.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::Connection;
use diesel::sqlite::SqliteConnection;

use super::builder::Config;
use super::check::check_mount;
use super::error::{Origin, StartError};
use super::layer::{Layer, Value};
use super::schema::Key;
use super::settings::RepoSettings;

/// What a guest's process is called, before its number. The others see it in brackets behind the
/// name of the node beside which it is.
const GUEST: &str = "litefs-migrate ";

/// The node beside which a guest of that name is, and whose certificate it has; another name is the
/// node's own.
pub(crate) fn node_of(told: &str) -> &str {
    let inside = told.strip_suffix(')').and_then(|told| told.rsplit_once(" ("));
    let guest = inside.filter(|(_, guest)| guest.starts_with(GUEST));
    guest.map_or(told, |(node, _)| node)
}

/// The settings, as far as the tool reads them.
#[derive(Debug)]
pub struct ToolSettings {
    /// In the order of their names.
    pub repos: Vec<ToolRepo>,
    /// Nothing names the only repo: it serves whichever asks.
    pub unnamed: bool,
    /// The folder of the settings file, from which `priv` counts.
    pub root: Option<PathBuf>,
    /// There is no `[litefs]`.
    pub alone: bool,
    /// `cluster.nodes` names all nodes.
    pub names_nodes: bool,
}

/// One repo.
#[derive(Debug)]
pub struct ToolRepo {
    /// As the settings name it.
    pub name: String,
    /// `priv` as it is written, and who wrote it.
    pub priv_dir: Option<(PathBuf, Origin)>,
    /// Where the database is. An error stays here, because what only looks at folders needs none.
    pub database: Result<ToolDatabase, StartError>,
}

/// A repo's database.
#[derive(Clone, Debug)]
pub struct ToolDatabase(RepoSettings);

#[doc(hidden)]
impl Config {
    /// What the tool reads of these settings.
    ///
    /// # Errors
    /// A setting that the tool needs is wrong; of the databases, see [`ToolRepo::database`].
    pub fn for_tool(&self) -> Result<ToolSettings, StartError> {
        self.with_sources(|sources, names, unnamed| {
            let mut repos = Vec::new();
            for name in names {
                let priv_dir = sources.priv_dir(name)?;
                let database = sources.repo(name, names.len()).map(ToolDatabase);
                repos.push(ToolRepo { name: name.clone(), priv_dir, database });
            }
            let alone = sources.litefs()?.is_none();
            let names_nodes = sources.names_nodes();
            Ok(ToolSettings { repos, unnamed, root: self.root.clone(), alone, names_nodes })
        })
    }

    /// Calls the only repo so when nothing names it.
    #[must_use]
    pub fn with_only_repo(self, name: &str) -> Self {
        self.for_repo(name)
    }

    /// The database of a repo, as an argument of that name says.
    #[must_use]
    pub fn with_database(mut self, repo: &str, database: &str, argument: &str) -> Self {
        let key = Key::Repo(repo.to_owned(), "database");
        self.code.repos.insert(repo.to_owned());
        self.code.set(key, Value::Text(database.to_owned()), Origin::Argument(argument.to_owned()));
        self
    }

    /// For a node of the tool's own, a guest beside the application's: this repo alone, nobody reaches
    /// it, and no longer wait for a leader than `timeout`. `alone` leaves `[litefs]` out.
    ///
    /// # Errors
    /// As [`for_tool`](Self::for_tool).
    pub fn of_tool(mut self, repo: &str, alone: bool, timeout: Duration) -> Result<Self, StartError> {
        let settings = self.for_tool()?;
        if settings.repos.len() > 1 {
            // It serves one repo only, and there are several, though the node has one.
            self.database_url = None;
        }
        for layer in [&mut self.code, &mut self.environment, &mut self.file] {
            layer.keep_repo(repo);
            if alone {
                layer.litefs = false;
                layer.entries.retain(|key, _| !matches!(key, Key::Litefs(_)));
            }
        }
        if alone {
            return Ok(self);
        }
        self.guest = Some(format!("{GUEST}{}", std::process::id()));
        Ok(self.start_timeout(timeout))
    }
}

impl Layer {
    /// Takes the settings of all other repos out.
    fn keep_repo(&mut self, name: &str) {
        let kept = |other: &str| other.eq_ignore_ascii_case(name);
        self.repos.retain(|repo| kept(repo));
        self.entries.retain(|key, _| !matches!(key, Key::Repo(repo, _) if !kept(repo)));
    }
}

impl ToolDatabase {
    /// The file: absolute, links followed.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.0.database.file()
    }

    /// Whether its folder is a LiteFS mount, with LiteFS alive behind it.
    #[must_use]
    pub fn is_on_litefs(&self) -> bool {
        check_mount(&self.0).is_ok()
    }

    /// For a program that only reads.
    #[must_use]
    pub fn read_only_url(&self) -> String {
        self.0.database.read_only()
    }

    /// For reading: `None` when there is no database, and none is made. SQLite refuses every write.
    ///
    /// # Errors
    /// [`StartError::Open`].
    pub fn read(&self) -> Result<Option<SqliteConnection>, StartError> {
        match self.0.database.exists() {
            Ok(true) => self.open(&self.0.database.read_only()).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// For writing: the database has to be there, and this node be allowed to write it.
    ///
    /// # Errors
    /// [`StartError::Open`].
    pub fn write(&self) -> Result<SqliteConnection, StartError> {
        self.open(&self.0.database.read_write())
    }

    fn open(&self, url: &str) -> Result<SqliteConnection, StartError> {
        let mut conn = SqliteConnection::establish(url).map_err(|error| self.error(&error))?;
        self.0.on_open.run(&mut conn).map_err(|error| self.error(&error))?;
        Ok(conn)
    }

    fn error(&self, why: &dyn std::fmt::Display) -> StartError {
        StartError::open(&self.0, why)
    }
}
