//! From what the sources say to the settings of a node: ranks, types, limits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::ack;
use super::bounds::{self, LimitSettings};
use super::builder::Config;
use super::cluster;
use super::error::{Origin, StartError};
use super::layer::{Entry, Layer, Value};
use super::lost::LostSettings;
use super::open::OnOpen;
use super::read::Found;
use super::schema::{self, Key};
use super::settings::{ClusterSettings, JournalMode, LitefsSettings, RepoSettings, Settings};
use super::url::{DatabaseUrl, Target};

/// What the only repo is called when nobody names it, as Ecto's.
const ONLY_REPO: &str = "Repo";

impl Config {
    /// All settings, read and checked. Looks at the file system only to follow links; whether the
    /// databases can be used is for [`check`](super::check).
    pub(crate) fn resolve(&self) -> Result<Settings, StartError> {
        self.with_sources(|sources, names, unnamed| {
            let mut repos = BTreeMap::new();
            for name in names {
                repos.insert(name.clone(), sources.repo(name, names.len())?);
            }
            self.check_hooks(names, unnamed)?;
            check_distinct(&repos)?;
            let litefs = sources.litefs()?;
            // A node that is alone has no use for its peers, and its machine perhaps none of the
            // variables in the file's `[cluster]`.
            let mut cluster = match litefs {
                Some(_) => cluster::settings(|key| sources.found(&Key::Cluster(key)))?,
                None => ClusterSettings::alone(),
            };
            let limits = match litefs {
                Some(_) => bounds::settings(|key| sources.found(&Key::Limits(key)))?,
                None => LimitSettings::default(),
            };
            cluster.guest = self.guest.as_ref().map(|guest| format!("{} ({guest})", cluster.node));
            Ok(Settings { repos, unnamed, litefs, cluster, limits })
        })
    }

    /// Gives `read` all sources, the names of the repos, and whether the only one is nobody's name.
    pub(super) fn with_sources<T>(
        &self,
        read: impl FnOnce(&Sources<'_>, &BTreeSet<String>, bool) -> Result<T, StartError>,
    ) -> Result<T, StartError> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        let environment = self.environment_with_known_names()?;
        let sources = Sources { config: self, layers: [&self.code, &environment, &self.file] };
        let mut names: BTreeSet<String> =
            sources.layers.iter().flat_map(|layer| layer.repos.clone()).collect();
        let unnamed = names.is_empty();
        if unnamed {
            names.insert(self.only_repo.clone().unwrap_or_else(|| ONLY_REPO.to_owned()));
        }
        read(&sources, &names, unnamed)
    }

    /// The environment's settings under the repo names that the code and the file use: they are the
    /// same but for the case.
    fn environment_with_known_names(&self) -> Result<Layer, StartError> {
        let mut known: BTreeSet<&String> = self.code.repos.union(&self.file.repos).collect();
        let mut layer = Layer { litefs: self.environment.litefs, ..Layer::default() };
        for (key, entry) in &self.environment.entries {
            let Key::Repo(written, setting) = key else {
                layer.set(key.clone(), entry.value.clone(), entry.origin.clone());
                continue;
            };
            let alike: Vec<&String> =
                known.iter().copied().filter(|name| name.eq_ignore_ascii_case(written)).collect();
            let name = match alike.as_slice() {
                _ if known.contains(written) => written,
                [] => {
                    known.insert(written);
                    written
                }
                [one] => one,
                several => {
                    return Err(Found::new(key.to_string(), entry).error(format!(
                        "it may mean any of {several:?}, which differ only in case; write the name as it is there"
                    )));
                }
            };
            let key = Key::Repo(name.clone(), setting);
            if layer.entries.contains_key(&key) {
                let error = Found::new(key.to_string(), entry);
                return Err(
                    error.error("two environment variables set it that differ only in case; keep one")
                );
            }
            layer.set(key, entry.value.clone(), entry.origin.clone());
        }
        Ok(layer)
    }

    fn check_hooks(&self, names: &BTreeSet<String>, unnamed: bool) -> Result<(), StartError> {
        for name in self.on_open.iter().filter_map(|(repo, _)| repo.as_ref()) {
            if !unnamed && !names.contains(name) {
                return Err(StartError::Unknown {
                    setting: format!("repo.{}", schema::quoted(name)),
                    origin: Origin::Code,
                    why: format!("`on_open_for` names it, and the repos are {names:?}"),
                });
            }
        }
        Ok(())
    }
}

/// All sources, that of the highest rank first.
pub(super) struct Sources<'a> {
    config: &'a Config,
    layers: [&'a Layer; 3],
}

impl<'a> Sources<'a> {
    fn found(&self, key: &Key) -> Option<Found<'a>> {
        let entry = self.layers.iter().find_map(|layer| layer.entries.get(key))?;
        Some(Found::new(key.to_string(), entry))
    }

    /// A setting of a repo; what the code sets for every repo comes behind what it sets for this one.
    fn found_for(&self, name: &str, key: &'static str) -> Option<Found<'a>> {
        let own = Key::Repo(name.to_owned(), key);
        let [code, ..] = self.layers;
        let entry = code.entries.get(&own).or_else(|| code.entries.get(&Key::EveryRepo(key)));
        match entry {
            Some(entry) => Some(Found::new(own.to_string(), entry)),
            None => self.found(&own),
        }
    }

    pub(super) fn litefs(&self) -> Result<Option<LitefsSettings>, StartError> {
        if !self.layers.iter().any(|layer| layer.litefs) {
            return Ok(None);
        }
        let http = match self.found(&Key::Litefs("http")) {
            Some(found) => cluster::http(&found)?,
            None => "http://127.0.0.1:20202".to_owned(),
        };
        let start_timeout =
            self.found(&Key::Litefs("start_timeout")).map(|found| found.duration(true)).transpose()?;
        Ok(Some(LitefsSettings { http, start_timeout: start_timeout.unwrap_or(Duration::from_secs(30)) }))
    }

    pub(super) fn repo(&self, name: &str, of: usize) -> Result<RepoSettings, StartError> {
        let (database, origin) = self.database(name, of)?;
        // The migrations tool's, but wrong is wrong.
        self.priv_dir(name)?;
        let get = |key| self.found_for(name, key);
        let count = |key, default, highest| get(key).map_or(Ok(default), |found| found.count(1..=highest));
        let duration = |key, seconds, zero| {
            get(key).map_or(Ok(Duration::from_secs(seconds)), |found: Found<'_>| found.duration(zero))
        };
        let foreign_keys = get("foreign_keys").map_or(Ok(true), |found| found.boolean())?;
        let busy_timeout = duration("busy_timeout", 5, true)?;
        let timeout = duration("timeout", 10, false)?;
        let transaction_idle = duration("transaction_idle", 5, false)?;
        let transaction_total = duration("transaction_total", 30, false)?;
        if let Some(found) = get("transaction_idle").filter(|_| transaction_idle > transaction_total) {
            return Err(
                found.error("it is longer than `transaction_total`, which ends the transaction before")
            );
        }
        let remember = duration("remember", 60, false)?;
        // A lost write is looked up for twice its time; then it may be sent again.
        let longest = timeout.max(transaction_total).max(3 * remember);
        let hour = Duration::from_secs(3_600).max(longest);
        let ledger_keep = get("ledger_keep").map_or(Ok(hour), |found| found.duration(false))?;
        if let Some(found) = get("ledger_keep").filter(|_| ledger_keep < longest) {
            return Err(found.error(
                "it is shorter than `timeout`, `transaction_total`, or three times `remember`: a call that takes so \
                 long, or a write that is looked up so late, would find itself forgotten",
            ));
        }
        let hooks = self.config.on_open.iter().filter(|(repo, _)| {
            // A repo without a name of its own is the one that is meant.
            repo.as_ref().is_none_or(|repo| repo == name || self.layers.iter().all(|l| l.repos.is_empty()))
        });
        Ok(RepoSettings {
            name: name.to_owned(),
            database,
            origin,
            journal_mode: get("journal_mode").map(|found| journal_mode(&found)).transpose()?,
            foreign_keys,
            // Each reader costs a thread and a connection; SQLite's WAL has far fewer read marks.
            pool_size: count("pool_size", 5, 1_024)?,
            queue_length: count("queue_length", 1_024, 1_048_576)?,
            timeout,
            transaction_idle,
            transaction_total,
            read_transaction: duration("read_transaction", 2, false)?,
            max_batch: count("max_batch", 512, 65_536)?,
            // Longer than a statement for which others wait, and well below the deadlines of all who do.
            busy_report: duration("busy_report", 5, false)?,
            transactions_waiting: count("transactions_waiting", 64, 65_536)?,
            // A gigabyte is the most that SQLite keeps in a value.
            ledger_result: count("ledger_result", 65_536, 1 << 30)?,
            ledger_keep,
            ledger: !self.config.without_ledger,
            ack: get("ack").map_or(Ok(crate::Ack::default()), |found| ack::parse(&found))?,
            lost: LostSettings {
                resubmit: get("on_lost").map_or(Ok(false), |found| resubmit(&found))?,
                remember,
                remember_writes: count("remember_writes", 10_000, 1_000_000)?,
                hooks: self.config.on_lost.clone(),
            },
            on_open: OnOpen {
                busy_timeout,
                foreign_keys,
                hooks: hooks.map(|(_, hook)| hook.clone()).collect(),
            },
            temporary: self.config.temporary.clone(),
        })
    }

    /// Whether anything says who all nodes are.
    pub(super) fn names_nodes(&self) -> bool {
        self.found(&Key::Cluster("nodes")).is_some()
    }

    /// Where the migrations tool looks, as it is written, and who wrote it.
    pub(super) fn priv_dir(&self, name: &str) -> Result<Option<(PathBuf, Origin)>, StartError> {
        let found = self.found_for(name, "priv");
        found.map(|found| Ok((PathBuf::from(found.text()?), found.origin.clone()))).transpose()
    }

    fn database(&self, name: &str, of: usize) -> Result<(DatabaseUrl, Origin), StartError> {
        let [code, ..] = self.layers;
        if let Some(entry) = code.entries.get(&Key::EveryRepo("database")) {
            let own = code.entries.contains_key(&Key::Repo(name.to_owned(), "database"));
            if of > 1 || own {
                return Err(Found::new(Key::EveryRepo("database").to_string(), entry).error(
                    "`Config::new` names the database of the only repo, and here are others; name each: \
                     `Config::default().database(\"Repo\", …)`",
                ));
            }
        }
        if let Some(found) = self.found_for(name, "database") {
            return open(&found);
        }
        let key = Key::Repo(name.to_owned(), "database");
        if let Some(folder) = &self.config.temporary {
            // Percent signs and slashes in a name are no part of a path.
            let file: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
            let path = folder.path().join(format!("{file}.db"));
            let entry =
                Entry { value: Value::Text(path.to_string_lossy().into_owned()), origin: Origin::Code };
            return open(&Found::new(key.to_string(), &entry));
        }
        match &self.config.database_url {
            Some(url) if of == 1 => {
                let origin = Origin::Environment("DATABASE_URL".to_owned());
                open(&Found::new(key.to_string(), &Entry { value: Value::Text(url.clone()), origin }))
            }
            url => {
                let variable = match url {
                    Some(_) => "(DATABASE_URL is not taken: it serves one repo only, and there are several)",
                    None => "or set DATABASE_URL",
                };
                Err(StartError::Missing {
                    setting: key.to_string(),
                    why: format!(
                        "nothing says where the database is; write `database = \"app.db\"` below `[repo.{}]` in \
                         litefs-diesel.toml, or call `.database({name:?}, …)` {variable}",
                        schema::quoted(name)
                    ),
                })
            }
        }
    }
}

fn open(found: &Found<'_>) -> Result<(DatabaseUrl, Origin), StartError> {
    match DatabaseUrl::parse(found.text()?, found.folder()).map_err(|why| found.error(why))? {
        Target::File(url) => Ok((url, found.origin.clone())),
        Target::Memory => Err(found.error(
            "it is a database in memory, which every connection of a node would have for itself; \
             `Config::temporary()` gives a test a database of its own",
        )),
    }
}

fn resubmit(found: &Found<'_>) -> Result<bool, StartError> {
    match found.text()? {
        "resubmit" => Ok(true),
        "report" => Ok(false),
        word => Err(found.error(format!("`{word}` is none of report, resubmit"))),
    }
}

fn journal_mode(found: &Found<'_>) -> Result<JournalMode, StartError> {
    let word = found.text()?;
    JournalMode::of(word).ok_or_else(|| {
        if ["memory", "off"].iter().any(|unsafe_mode| unsafe_mode.eq_ignore_ascii_case(word)) {
            found.error(format!(
                "`{word}` is not possible: LiteFS sees a transaction by its journal or WAL file, and would silently \
                 not replicate these; write wal, delete, truncate or persist"
            ))
        } else {
            found.error(format!("`{word}` is none of wal, delete, truncate, persist"))
        }
    })
}

/// Each repo has a database of its own: two writers on one file would lock each other out.
fn check_distinct(repos: &BTreeMap<String, RepoSettings>) -> Result<(), StartError> {
    let mut files = BTreeMap::new();
    for repo in repos.values() {
        if let Some(other) = files.insert(repo.database.file(), repo) {
            return Err(StartError::Value {
                setting: repo.setting("database"),
                origin: repo.origin.clone(),
                why: format!(
                    "it is the same file as that of `{}`; one repo writes to a file, and several structs may use it",
                    other.setting("database")
                ),
            });
        }
    }
    Ok(())
}
