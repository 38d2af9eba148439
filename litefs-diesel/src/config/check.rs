//! What is looked at before a node starts, so that it does no harm: each finding is an error that
//! names the setting. All of these block on the file system, and none of them changes anything.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::error::StartError;
use super::settings::{JournalMode, RepoSettings, Settings};
use crate::position::Position;

/// The first check, of the folders of all databases: with `[litefs]` each is on a LiteFS that is
/// alive; without it, none is LiteFS's.
pub(crate) fn check_folders(settings: &Settings) -> Result<(), StartError> {
    for repo in settings.repos.values() {
        match settings.is_alone() {
            true => check_not_on_litefs(repo)?,
            false => check_mount(repo)?,
        }
    }
    match settings.is_alone() {
        true => Ok(()),
        false => check_one_mount(settings),
    }
}

/// All databases are on one LiteFS: a node follows the role of one, and what is primary on one
/// mount may be a replica on another.
fn check_one_mount(settings: &Settings) -> Result<(), StartError> {
    let mut repos = settings.repos.values();
    let Some(first) = repos.next() else { return Ok(()) };
    match repos.find(|repo| folder(repo) != folder(first)) {
        None => Ok(()),
        Some(other) => Err(mount_error(
            other,
            folder(other),
            format!(
                "`{}` is on another mount ({}), and a node follows one LiteFS; put both databases on one, or start a \
                 node for each",
                first.setting("database"),
                folder(first).display(),
            ),
        )),
    }
}

/// The database's folder is a LiteFS mount, and LiteFS is alive behind it. It is known by `.lag`,
/// which LiteFS answers itself on every node in every role.
pub(crate) fn check_mount(repo: &RepoSettings) -> Result<(), StartError> {
    let error = |why: String| mount_error(repo, folder(repo), why);
    match std::fs::read_to_string(folder(repo).join(".lag")) {
        Ok(text) if is_lag(&text) => Ok(()),
        Ok(_) => Err(error("there is a file `.lag`, but it is not LiteFS's".to_owned())),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Err(error(match folder(repo).is_dir() {
            true => {
                "it is no LiteFS mount (LiteFS 0.5 has a file `.lag` there); start LiteFS before, and name a \
                     database right below its `fuse.dir`; or leave `[litefs]` out, and the node is alone"
                    .to_owned()
            }
            false => {
                "there is no such folder; start LiteFS before, and name a database right below its `fuse.dir`"
                    .to_owned()
            }
        })),
        // ENOTCONN or ECONNABORTED: the mount of a LiteFS that is dead.
        Err(cause) if is_dead_mount(&cause) => Err(error(format!(
            "LiteFS there is not running any more ({cause}); unmount it (`umount -l`) and start it again"
        ))),
        Err(cause) => Err(error(format!("LiteFS cannot be asked there: {cause}"))),
    }
}

/// The database is not LiteFS's: a node that takes itself for alone would write on a replica.
pub(crate) fn check_not_on_litefs(repo: &RepoSettings) -> Result<(), StartError> {
    let position = repo.database.beside("-pos");
    let lag = folder(repo).join(".lag");
    let found = match (position.try_exists(), std::fs::read_to_string(lag)) {
        (Ok(true), _) => Some("it is LiteFS's (there is a `-pos` file beside it)".to_owned()),
        (_, Ok(text)) if is_lag(&text) => Some("its folder is LiteFS's (there is a file `.lag`)".to_owned()),
        (Err(cause), _) if is_dead_mount(&cause) => {
            Some(format!("it is on a LiteFS that is not running ({cause})"))
        }
        _ => None,
    };
    if let Some(found) = found {
        return Err(mount_error(
            repo,
            repo.database.file(),
            format!(
                "{found}, and there is no `[litefs]`: write `[litefs]` and `http = \"http://127.0.0.1:20202\"`"
            ),
        ));
    }
    if !folder(repo).is_dir() {
        return Err(mount_error(repo, folder(repo), "there is no such folder; create it".to_owned()));
    }
    Ok(())
}

impl StartError {
    /// The database of a repo cannot be opened or set up: what SQLite said, and what to do where it does
    /// not say enough.
    pub(crate) fn open(repo: &RepoSettings, why: &dyn Display) -> Self {
        let path = repo.database.file().to_owned();
        let said = why.to_string();
        let why = match () {
            () if path.is_dir() => "it is a folder; name a file in it".to_owned(),
            () if said == "unable to open database file" => {
                format!("{said}; let this user write it, and its folder")
            }
            () => said,
        };
        Self::Open { setting: repo.setting("database"), path, why }
    }
}

/// The journal mode that is in force on this connection, which [`OnOpen`](super::open::OnOpen) has
/// set up, is one that LiteFS replicates. `MEMORY` and `OFF` commit here and nowhere else, silently.
pub(crate) fn check_journal_mode(
    repo: &RepoSettings,
    conn: &mut SqliteConnection,
) -> Result<JournalMode, StartError> {
    let mode = diesel::sql_query("PRAGMA main.journal_mode").get_result::<Mode>(conn);
    let mode = mode.map_err(|cause| StartError::open(repo, &cause))?;
    JournalMode::of(&mode.journal_mode).ok_or_else(|| StartError::JournalMode {
        setting: repo.setting("journal_mode"),
        why: format!(
            "{} has journal mode `{}`, whose transactions LiteFS does not see: they would be committed here and \
             silently replicated nowhere. It is set by the application (`on_open`): take the PRAGMA out there, and \
             write `journal_mode = \"wal\"`",
            repo.database,
            mode.journal_mode.to_ascii_uppercase(),
        ),
    })
}

/// The database does not shrink by itself at a commit in WAL mode. LiteFS 0.5 panics over a commit
/// that leaves fewer blocks of 256 pages than there were, and never gives SQLite's write lock back.
pub(crate) fn check_auto_vacuum(
    repo: &RepoSettings,
    mode: JournalMode,
    conn: &mut SqliteConnection,
) -> Result<(), StartError> {
    const FULL: i32 = 1;
    let query = diesel::sql_query("SELECT auto_vacuum FROM pragma_auto_vacuum");
    let is = query.get_result::<AutoVacuum>(conn).map_err(|cause| StartError::open(repo, &cause))?;
    if mode != JournalMode::Wal || is.auto_vacuum != FULL {
        return Ok(());
    }
    Err(StartError::JournalMode {
        setting: repo.setting("journal_mode"),
        why: format!(
            "{} has `auto_vacuum = FULL`, and LiteFS 0.5 locks up over a commit in WAL mode that makes the database \
             smaller; write `PRAGMA auto_vacuum = INCREMENTAL` into it, or `journal_mode = \"delete\"`",
            repo.database,
        ),
    })
}

#[derive(QueryableByName)]
struct AutoVacuum {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    auto_vacuum: i32,
}

/// The application's `on_open` sets no other journal mode. It is tried on a file of nobody's: on
/// LiteFS, leaving WAL for `MEMORY` is itself a commit that LiteFS does not see, and the database
/// would have another content here than everywhere else.
pub(crate) fn check_on_open(repo: &RepoSettings) -> Result<(), StartError> {
    if !repo.on_open.has_hooks() {
        return Ok(());
    }
    let system = |error: &dyn std::fmt::Display| StartError::System {
        why: format!("`on_open` cannot be tried on a temporary file: {error}"),
    };
    let folder = tempfile::tempdir().map_err(|error| system(&error))?;
    let file = folder.path().join("on_open.db");
    let mut conn = SqliteConnection::establish(&file.to_string_lossy()).map_err(|error| system(&error))?;
    let mode = repo.journal_mode.unwrap_or(JournalMode::Wal);
    conn.batch_execute(&format!("PRAGMA journal_mode = {mode}")).map_err(|error| system(&error))?;
    // Whatever fails here for want of the application's tables is told when the database is opened.
    let _ = repo.on_open.run(&mut conn);
    check_journal_mode(repo, &mut conn).map(drop)
}

#[derive(QueryableByName)]
struct Mode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// On a replica of `primary`: the database is here. Opening one that is not would make an empty one
/// which LiteFS does not know. A replica that was started just now may still be receiving it: wait
/// before this is called.
pub(crate) fn check_on_replica(repo: &RepoSettings, primary: &str) -> Result<(), StartError> {
    match repo.database.exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(StartError::NoDatabaseOnReplica {
            setting: repo.setting("database"),
            path: repo.database.file().to_owned(),
            primary: primary.to_owned(),
        }),
        Err(cause) => {
            Err(mount_error(repo, repo.database.file(), format!("it cannot be looked for: {cause}")))
        }
    }
}

/// What a peer that answered says of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerPosition {
    pub(crate) node: String,
    /// `None`: it does not have the database.
    pub(crate) position: Option<Position>,
}

/// On a primary whose database is at `own` (`None`: there is none): it may be created or written,
/// because no peer that answered has more than nothing. LiteFS compares no positions: an empty
/// database that is created on the primary replaces everybody's.
pub(crate) fn check_on_primary(
    repo: &RepoSettings,
    own: Option<Position>,
    peers: &[PeerPosition],
) -> Result<(), StartError> {
    if own.is_some_and(|position| position.txid > 0) {
        return Ok(());
    }
    let ahead = peers.iter().filter_map(|peer| Some((peer, peer.position?)));
    match ahead.max_by_key(|(_, position)| position.txid) {
        Some((peer, position)) if position.txid > 0 => Err(StartError::EmptyPrimary {
            setting: repo.setting("database"),
            path: repo.database.file().to_owned(),
            peer: peer.node.clone(),
            position,
        }),
        _ => Ok(()),
    }
}

fn folder(repo: &RepoSettings) -> &Path {
    repo.database.file().parent().unwrap_or(Path::new("/"))
}

fn mount_error(repo: &RepoSettings, path: &Path, why: String) -> StartError {
    StartError::Mount {
        setting: repo.setting("database"),
        origin: repo.origin.clone(),
        path: path.to_owned(),
        why,
    }
}

/// A sign, digits, a line end: `+000000000`.
fn is_lag(text: &str) -> bool {
    let digits = text.trim_end().strip_prefix(['+', '-']);
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn is_dead_mount(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotConnected | ErrorKind::ConnectionAborted)
}
