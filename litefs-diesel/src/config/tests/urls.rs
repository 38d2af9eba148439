//! URLs, each opened for real.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use super::super::{DatabaseUrl, Target};

fn parse(url: &str, base: &Path) -> DatabaseUrl {
    match DatabaseUrl::parse(url, base) {
        Ok(Target::File(url)) => url,
        other => panic!("{url}: {other:?}"),
    }
}

fn write(url: &str) -> Result<(), String> {
    let mut conn = SqliteConnection::establish(url).map_err(|error| error.to_string())?;
    conn.batch_execute("CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1)")
        .map_err(|error| error.to_string())
}

#[test]
fn a_path_with_any_characters_is_opened_in_every_mode() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    for name in [
        "app.db",
        "a b.db",
        "what?.db",
        "a#b.db",
        "100%.db",
        "%41.db",
        "a&mode=ro",
        "ü€.db",
        "a'b\"c.db",
        "a=b;c",
        "a\\b",
        "a\nb",
        "+",
        "sub/app.db",
        "a:b.db",
    ] {
        std::fs::create_dir_all(base.join(name).parent().unwrap()).unwrap();
        // As a bare path, SQLite takes all of it as it stands.
        let url = parse(name, &base);
        assert_eq!(url.file(), base.join(name));
        assert!(write(&url.read_write()).is_err(), "{name}: mode=rw has created it");
        assert!(!url.exists().unwrap(), "{name}");
        write(&url.create()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(base.join(name).is_file(), "{name}: another file was made");
        write(&url.read_write()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let refused = write(&url.read_only()).unwrap_err();
        assert!(refused.contains("readonly"), "{name}: {refused}");
    }
}

/// What we take a URL for is the file that SQLite itself opens for it.
#[test]
fn every_form_of_url_names_the_file_that_diesel_opens() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let at = base.to_str().unwrap();
    for (url, file) in [
        (format!("{at}/1.db"), "1.db"),
        (format!("file:{at}/2.db"), "2.db"),
        (format!("file://{at}/3.db"), "3.db"),
        (format!("file://localhost{at}/4.db"), "4.db"),
        (format!("sqlite://{at}/5.db"), "5.db"),
        (format!("file:{at}/6%3f%20.db?cache=private#x?mode=ro"), "6? .db"),
        (format!("file:{at}/7%.db?psow=0&&"), "7%.db"),
        (format!("file:{at}/8.db?mode=memory&mode=rwc"), "8.db"),
        (format!("file:{at}/9.db?%6dode=rwc"), "9.db"),
        (format!("sqlite://{at}/10.db?=1&x"), "10.db"),
    ] {
        assert_eq!(parse(&url, Path::new("/")).file(), base.join(file), "{url}");
        write(&url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(base.join(file).is_file(), "{url}");
        write(&parse(&url, Path::new("/")).read_write()).unwrap_or_else(|error| panic!("{url}: {error}"));
    }
}

#[test]
fn a_query_is_kept_and_its_mode_taken() {
    let base = Path::new("/no-such-folder");
    // Diesel's own reading: what is behind `sqlite://` is a path, no host.
    assert_eq!(parse("sqlite://a.db", base), parse("file:a.db", base));
    let url = parse("file:a.db?psow=0&mode=rw&vfs=unix", base);
    assert_eq!(url.read_only(), "file:///no-such-folder/a.db?psow=0&vfs=unix&mode=ro");
    assert_eq!(url.create(), url.read_write(), "`mode=rw` says that it must not be created");
    assert_eq!(parse("a.db", base).create(), "file:///no-such-folder/a.db?mode=rwc");
    assert_eq!(url.beside("-pos"), Path::new("/no-such-folder/a.db-pos"));
}

#[test]
fn what_a_node_cannot_use_is_refused() {
    for (url, says) in [
        ("file:a.db?mode=ro", "mode=ro"),
        ("file:a.db?mode=x", "none of"),
        ("file:a.db?cache=shared", "cache=shared"),
        ("file:a.db?immutable=1", "immutable"),
        ("file:a.db?nolock=1", "nolock"),
        ("file://host/a.db", "a host before the path"),
        ("sqlite:////host/a.db", "a host before the path"),
        ("file:a%00.db", "NUL"),
        ("a\0b", "NUL"),
        ("mysql://a/b", "another kind"),
    ] {
        let error = DatabaseUrl::parse(url, Path::new("/")).unwrap_err();
        assert!(error.contains(says), "{url}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_the_file_that_sqlite_keeps_its_own_files_beside() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    std::fs::create_dir(base.join("mount")).unwrap();
    for (link, there) in [("link.db", true), ("new.db", false)] {
        let target = base.join("mount").join(link);
        if there {
            std::fs::write(&target, "").unwrap();
        }
        std::os::unix::fs::symlink(&target, base.join(link)).unwrap();
        assert_eq!(parse(link, &base).file(), target);
    }
}
