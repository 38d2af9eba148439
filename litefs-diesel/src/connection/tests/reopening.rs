//! LiteFS died and came back: the file is opened anew, and what the connection held is kept.

use super::*;
use crate::error::{NotExecuted, outcome};

/// The files that this process has open below a folder.
fn open_files(folder: &std::path::Path) -> usize {
    let folder = folder.canonicalize().unwrap();
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    links
        .filter_map(|link| std::fs::read_link(link.ok()?.path()).ok())
        .filter(|file| file.starts_with(&folder))
        .count()
}

#[test]
fn a_new_life_of_litefs_makes_the_next_read_open_the_file_anew() {
    let node = Node::new();
    let mut conn = node.connection();
    insert(&mut conn, "Ada").unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 777").unwrap();
    // Another file takes its place, as after a mount.
    let copy = node.path("copy.db");
    conn.batch_execute(&format!("VACUUM INTO '{}'", copy.display())).unwrap();
    let mut other = SqliteConnection::establish(&copy.display().to_string()).unwrap();
    other.batch_execute("INSERT INTO users (name) VALUES ('Bob'), ('Cem')").unwrap();
    drop(other);
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", node.url()));
    }
    std::fs::rename(&copy, &node.access.file).unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM users"), 1, "the old file, still open");
    node.access.readers.renew();
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM users"), 3);
    assert_eq!(number(&mut conn, "SELECT timeout AS n FROM pragma_busy_timeout"), 777);
    assert_eq!(number(&mut conn, "SELECT last_insert_rowid() AS n"), 1);
}

#[test]
fn while_the_file_cannot_be_opened_reads_say_so_and_then_work_again() {
    let node = Node::new();
    let mut conn = node.connection();
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM users"), 0);
    let away = node.path("away.db");
    std::fs::rename(&node.access.file, &away).unwrap();
    node.access.readers.renew();
    for _ in 0..3 {
        let load = users::table.count().get_result::<i64>(&mut conn).unwrap_err();
        for error in [load, conn.batch_execute("SELECT 1").unwrap_err()] {
            let Some(crate::Error::NotExecuted(NotExecuted::Unreadable(why))) = outcome(&error) else {
                panic!("{error:?}")
            };
            assert!(why.starts_with("unable to open database file: the file is not there"), "{why}");
        }
    }
    std::fs::rename(&away, &node.access.file).unwrap();
    assert_eq!(users::table.count().get_result::<i64>(&mut conn), Ok(0));
}

#[test]
fn a_closed_connection_holds_no_file_and_opens_it_with_the_next_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    SqliteConnection::establish(&file.display().to_string()).unwrap().batch_execute(SCHEMA).unwrap();
    let node = Node::new();
    let kinds = Kinds::new(Readers::of_file(&file, |_| Ok(())));
    let access = node.access_with(file, kinds);
    let mut conn = LitefsConnection::on(Arc::clone(&access)).unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM users"), 0);
    assert!(open_files(folder.path()) > 0);
    conn.close_file().unwrap();
    access.kinds.close();
    assert_eq!(open_files(folder.path()), 0);
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM users"), 0);
}

#[test]
fn a_connection_idle_in_r2d2_lets_go_of_its_file_when_the_node_says_so() {
    let node = Node::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().canonicalize().unwrap().join("app.db");
    SqliteConnection::establish(&file.display().to_string()).unwrap().batch_execute(SCHEMA).unwrap();
    let kinds = Kinds::new(Readers::of_file(&file, |_| Ok(())));
    let access = node.access_with(file.clone(), kinds);
    registry::register(&access);
    let manager = diesel::r2d2::ConnectionManager::<LitefsConnection>::new(file.display().to_string());
    let pool = diesel::r2d2::Pool::builder().max_size(1).build(manager).unwrap();
    let count = || users::table.count().get_result::<i64>(&mut pool.get().unwrap());
    pool.get().unwrap().batch_execute("PRAGMA busy_timeout = 777").unwrap();
    assert_eq!(count(), Ok(0));
    assert!(open_files(folder.path()) > 0);
    access.idle.close_all();
    access.kinds.close();
    assert_eq!(open_files(folder.path()), 0);
    assert_eq!(count(), Ok(0));
    assert_eq!(number(&mut pool.get().unwrap(), "SELECT timeout AS n FROM pragma_busy_timeout"), 777);
}
