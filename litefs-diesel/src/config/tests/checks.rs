//! The checks before a start, each on files as LiteFS leaves them. On a running LiteFS they are
//! tested with the cluster.

use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use super::super::check::{
    PeerPosition, check_auto_vacuum, check_folders, check_journal_mode, check_on_open, check_on_primary,
    check_on_replica,
};
use super::super::{Config, JournalMode, Settings, StartError};
use crate::position::Position;

/// A folder with a database in it, and what LiteFS would add.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with(self, name: &str, content: &str) -> Self {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    fn settings(&self, litefs: bool) -> Settings {
        let config = Config::new(self.database().to_str().unwrap());
        let config = if litefs { config.litefs_http("http://127.0.0.1:20202") } else { config };
        config.resolve().unwrap()
    }
}

#[test]
fn with_litefs_a_folder_that_is_no_mount_is_refused() {
    let refused = |place: &Place| match check_folders(&place.settings(true)).unwrap_err() {
        StartError::Mount { setting, why, .. } => {
            assert_eq!(setting, "repo.Repo.database");
            why
        }
        other => panic!("{other}"),
    };
    assert!(refused(&Place::new()).contains("no LiteFS mount"));
    assert!(refused(&Place::new().with(".lag", "")).contains("not LiteFS's"));
    assert!(refused(&Place::new().with(".lag", "+x\n")).contains("not LiteFS's"));
    let gone = Place::new();
    let settings = gone.settings(true);
    drop(gone);
    assert!(check_folders(&settings).unwrap_err().to_string().contains("no such folder"));
}

#[test]
fn with_litefs_the_databases_of_a_node_are_on_one_mount() {
    let mount = || Place::new().with(".lag", "+000000000\n");
    let (one, other) = (mount(), mount());
    let path = |place: &Place, name: &str| place.folder.path().join(name).display().to_string();
    let config = |second: String| {
        let config = Config::default().litefs_http("http://127.0.0.1:20202");
        config.database("A", path(&one, "a.db")).database("B", second).resolve().unwrap()
    };
    check_folders(&config(path(&one, "b.db"))).unwrap();
    let error = check_folders(&config(path(&other, "b.db"))).unwrap_err().to_string();
    assert!(error.contains("repo.B.database") && error.contains("follows one LiteFS"), "{error}");
}

#[test]
fn with_litefs_a_mount_in_any_role_passes() {
    for lag in ["+000000000\n", "+2147483647\n", "-000000012\n"] {
        check_folders(&Place::new().with(".lag", lag).settings(true)).unwrap();
    }
}

#[test]
fn without_litefs_a_database_that_is_litefs_s_is_refused() {
    for place in [Place::new().with("app.db-pos", ""), Place::new().with(".lag", "+000000000\n")] {
        let error = check_folders(&place.settings(false)).unwrap_err().to_string();
        assert!(
            error.contains("there is no `[litefs]`") && error.contains("`repo.Repo.database`"),
            "{error}"
        );
    }
    check_folders(&Place::new().settings(false)).unwrap();
    check_folders(&Place::new().with("other.db-pos", "").settings(false)).unwrap();
}

#[test]
fn without_litefs_a_missing_folder_is_told() {
    let settings = Config::new("/no/such/folder/app.db").resolve().unwrap();
    assert!(check_folders(&settings).unwrap_err().to_string().contains("create it"));
}

#[test]
fn journal_modes_that_litefs_does_not_see_are_refused() {
    let place = Place::new();
    let settings = place.settings(true);
    let repo = settings.repo("Repo").unwrap();
    for (mode, expected) in [
        ("wal", Some(JournalMode::Wal)),
        ("delete", Some(JournalMode::Delete)),
        ("truncate", Some(JournalMode::Truncate)),
        ("persist", Some(JournalMode::Persist)),
        ("memory", None),
        ("off", None),
    ] {
        let mut conn = SqliteConnection::establish(&repo.database.create()).unwrap();
        conn.batch_execute(&format!("PRAGMA journal_mode = {mode}")).unwrap();
        let result = check_journal_mode(repo, &mut conn);
        match expected {
            Some(expected) => assert_eq!(result, Ok(expected)),
            None => {
                let error = result.unwrap_err().to_string();
                assert!(error.contains("repo.Repo.journal_mode") && error.contains("silently"), "{error}");
            }
        }
    }
}

#[test]
fn a_replica_without_the_database_is_refused_and_nothing_is_made() {
    let place = Place::new();
    let settings = place.settings(true);
    let repo = settings.repo("Repo").unwrap();
    let error = check_on_replica(repo, "ams").unwrap_err().to_string();
    assert!(error.contains("replica of ams") && error.contains("repo.Repo.database"), "{error}");
    assert!(!place.database().exists());
    std::fs::write(place.database(), "").unwrap();
    check_on_replica(repo, "ams").unwrap();
}

#[test]
fn a_primary_without_data_is_refused_while_a_peer_has_some() {
    let settings = Place::new().settings(true);
    let repo = settings.repo("Repo").unwrap();
    let at = |txid| Some(Position { txid, checksum: 1 });
    let peer = |node: &str, position| PeerPosition { node: node.to_owned(), position };
    for (own, peers, refused_for) in [
        (None, vec![], None),
        (None, vec![peer("b", None)], None),
        (None, vec![peer("b", at(0))], None),
        (None, vec![peer("b", at(1))], Some("b")),
        (at(0), vec![peer("b", at(5)), peer("c", at(9)), peer("d", None)], Some("c")),
        (at(3), vec![peer("b", at(9))], None),
    ] {
        let result = check_on_primary(repo, own, &peers);
        match (result, refused_for) {
            (Ok(()), None) => {}
            (Err(StartError::EmptyPrimary { peer, .. }), Some(expected)) => assert_eq!(peer, expected),
            (result, expected) => panic!("{own:?} {peers:?}: {result:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn an_on_open_that_sets_a_journal_mode_litefs_does_not_see_is_refused_without_touching_the_database() {
    let with = |sql: &'static str| {
        let place = Place::new();
        let config =
            Config::new(place.database().to_str().unwrap()).on_open(move |conn| conn.batch_execute(sql));
        let checked = check_on_open(&config.resolve().unwrap().repos["Repo"]);
        assert!(!place.database().exists());
        checked
    };
    with("PRAGMA cache_size = -8000").unwrap();
    with("SELECT * FROM a_table_of_the_application").unwrap();
    for mode in ["MEMORY", "OFF"] {
        let sql = if mode == "OFF" { "PRAGMA journal_mode = OFF" } else { "PRAGMA journal_mode = MEMORY" };
        let error = with(sql).unwrap_err();
        assert!(matches!(&error, StartError::JournalMode { .. }), "{error}");
        assert!(error.to_string().contains(mode), "{error}");
    }
}

#[test]
fn a_database_that_shrinks_by_itself_is_refused_in_wal_mode_alone() {
    let place = Place::new();
    let mut conn = SqliteConnection::establish(place.database().to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA auto_vacuum = FULL; CREATE TABLE t (a)").unwrap();
    let settings = place.settings(true);
    let check = |mode, conn: &mut SqliteConnection| check_auto_vacuum(&settings.repos["Repo"], mode, conn);
    check(JournalMode::Delete, &mut conn).unwrap();
    let error = check(JournalMode::Wal, &mut conn).unwrap_err().to_string();
    assert!(error.contains("auto_vacuum = INCREMENTAL"), "{error}");
    // What it tells to do helps.
    conn.batch_execute("PRAGMA auto_vacuum = INCREMENTAL").unwrap();
    check(JournalMode::Wal, &mut conn).unwrap();
}
