//! What is done to a database before a node serves it: nothing that could harm another node.

use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::connection::{Connection, SimpleConnection};
use diesel::sqlite::SqliteConnection;

use super::start::Common;
use crate::config::check::{
    PeerPosition, check_auto_vacuum, check_journal_mode, check_on_open, check_on_primary, check_on_replica,
};
use crate::config::{JournalMode, RepoSettings, StartError};
use crate::forward::Unasked;
use crate::litefs::Role;

/// How often a node that starts looks whether a database has come. LiteFS brings a snapshot in
/// some tens of milliseconds, and starting is no hot path.
const LOOK: Duration = Duration::from_millis(50);

/// How long peers may take to say what they have of a database that is empty here.
const PEERS: Duration = Duration::from_secs(3);

/// Returns when the database is there and in order, with its journal mode. On the primary, and
/// alone, it is created when it is missing; on a replica it is waited for until `deadline`.
pub(super) async fn prepare(
    repo: &RepoSettings,
    common: &Common,
    deadline: Instant,
) -> Result<JournalMode, StartError> {
    if common.replicated {
        blocking(repo, check_on_open).await?;
    }
    loop {
        match common.litefs.role().role {
            Role::Primary => {
                if common.replicated {
                    check_not_behind(repo, common).await?;
                }
                let mode = blocking(repo, create).await?;
                return check_shrinking(repo, common, mode).await;
            }
            Role::Replica { primary } => {
                match blocking(repo, move |repo| check_on_replica(repo, &primary)).await {
                    Ok(()) => {
                        let mode = blocking(repo, look).await?;
                        return check_shrinking(repo, common, mode).await;
                    }
                    // It may not have come yet; or the role may change.
                    Err(StartError::NoDatabaseOnReplica { .. }) if Instant::now() < deadline => {}
                    Err(error) => return Err(error),
                }
            }
            Role::NoLeader if Instant::now() < deadline => {}
            Role::NoLeader => {
                return Err(StartError::NoLeader {
                    waited: Duration::ZERO,
                    why: "the leader went away".into(),
                });
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Where LiteFS does not survive that the database shrinks, it must not do so by itself.
async fn check_shrinking(
    repo: &RepoSettings,
    common: &Common,
    mode: JournalMode,
) -> Result<JournalMode, StartError> {
    if common.replicated {
        let read_only = |repo: &RepoSettings| connect(repo, &repo.database.read_only());
        blocking(repo, move |repo| check_auto_vacuum(repo, mode, &mut read_only(repo)?)).await?;
    }
    Ok(mode)
}

/// A primary whose database is empty must not replace what the others have.
async fn check_not_behind(repo: &RepoSettings, common: &Common) -> Result<(), StartError> {
    let watch = common.litefs.database(repo.database.file());
    let own = blocking(repo, move |_| {
        watch.read().map_err(|error| StartError::System { why: format!("LiteFS's position: {error}") })
    })
    .await?;
    if own.is_some_and(|position| position.txid > 0) {
        return Ok(());
    }
    if common.others.is_empty() {
        tracing::warn!(
            database = %repo.database,
            "it is empty here, and whether another node has more cannot be asked: no setting names the others \
             (`cluster.nodes`)"
        );
    }
    let peers = positions(repo, common).await?;
    check_on_primary(repo, own, &peers)
}

/// What the peers that answer have of the database. An error when one of them never will: its LiteFS
/// belongs to another cluster, above all, as it does when the disk of a static primary was replaced.
async fn positions(repo: &RepoSettings, common: &Common) -> Result<Vec<PeerPosition>, StartError> {
    let asked = common.others.iter().map(|node| async move {
        let Some(peer) = common.peers.get(node) else { return Ok(None) };
        match peer.ask_view(Instant::now() + PEERS).await {
            Ok(view) => {
                let position = view.positions.get(&repo.name).map(|place| place.position);
                Ok(Some(PeerPosition { node: node.clone(), position }))
            }
            Err(Unasked { why, lasting: false }) => {
                tracing::warn!(node, why, "cannot ask it what it has of the database, which is empty here");
                Ok(None)
            }
            Err(Unasked { why, lasting: true }) => Err(StartError::UnknownToPeer {
                setting: repo.setting("database"),
                path: repo.database.file().to_owned(),
                peer: node.clone(),
                why,
            }),
        }
    });
    let answers = futures::future::join_all(asked).await;
    answers.into_iter().filter_map(Result::transpose).collect()
}

/// On the primary, and alone: opens it read-write, makes it if it is missing, and sets its journal
/// mode when the settings name one or it is new.
fn create(repo: &RepoSettings) -> Result<JournalMode, StartError> {
    let new = !repo.database.exists().map_err(|error| open_error(repo, &error))?;
    let mut conn = connect(repo, &repo.database.create())?;
    let mode = repo.journal_mode.or(new.then_some(JournalMode::Wal));
    if let Some(mode) = mode {
        conn.batch_execute(&format!("PRAGMA journal_mode = {mode}"))
            .map_err(|error| open_error(repo, &error))?;
    }
    let mode = check_journal_mode(repo, &mut conn)?;
    // Without a first page there is nothing that LiteFS could replicate, and replicas would wait for
    // the database. Setting WAL writes one; a rollback mode writes nothing.
    let empty = "SELECT page_count = 0 AS empty FROM pragma_page_count";
    let Pages { empty } =
        diesel::sql_query(empty).get_result(&mut conn).map_err(|error| open_error(repo, &error))?;
    if empty {
        conn.batch_execute("PRAGMA user_version = 0").map_err(|error| open_error(repo, &error))?;
    }
    Ok(mode)
}

#[derive(diesel::QueryableByName)]
struct Pages {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    empty: bool,
}

fn look(repo: &RepoSettings) -> Result<JournalMode, StartError> {
    check_journal_mode(repo, &mut connect(repo, &repo.database.read_only())?)
}

fn connect(repo: &RepoSettings, url: &str) -> Result<SqliteConnection, StartError> {
    let mut conn = SqliteConnection::establish(url).map_err(|error| open_error(repo, &error))?;
    repo.on_open.run(&mut conn).map_err(|error| open_error(repo, &error))?;
    Ok(conn)
}

fn open_error(repo: &RepoSettings, error: &dyn std::fmt::Display) -> StartError {
    StartError::open(repo, error)
}

async fn blocking<T: Send + 'static>(
    repo: &RepoSettings,
    work: impl FnOnce(&RepoSettings) -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let repo = repo.clone();
    match tokio::task::spawn_blocking(move || work(&repo)).await {
        Ok(done) => done,
        Err(error) => Err(StartError::System { why: format!("looking at the database failed: {error}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, RepoConfig};

    #[test]
    fn a_new_database_has_a_page_to_replicate_in_every_journal_mode() {
        for mode in [JournalMode::Wal, JournalMode::Delete, JournalMode::Truncate, JournalMode::Persist] {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("app.db");
            let repo = RepoConfig::new(file.to_str().unwrap()).journal_mode(mode);
            let settings = Config::default().repo("test", repo).resolve().unwrap();
            assert_eq!(create(&settings.repos["test"]).unwrap(), mode);
            assert!(std::fs::metadata(&file).unwrap().len() > 0, "{mode}");
        }
    }
}
