//! Which files the nodes of this process serve, for `establish` to find.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;

use super::access::Access;

fn served() -> &'static Mutex<HashMap<PathBuf, Weak<Access>>> {
    static SERVED: OnceLock<Mutex<HashMap<PathBuf, Weak<Access>>>> = OnceLock::new();
    SERVED.get_or_init(Mutex::default)
}

/// Lets `establish` find a database, for as long as the node holds its [`Access`].
pub(crate) fn register(access: &Arc<Access>) {
    let mut served = served().lock();
    served.retain(|_, access| access.strong_count() > 0);
    served.insert(access.file.clone(), Arc::downgrade(access));
}

/// Ends it sooner: connections that are established from now on are alone.
pub(crate) fn unregister(access: &Arc<Access>) {
    let mut served = served().lock();
    if served.get(&access.file).is_some_and(|other| other.ptr_eq(&Arc::downgrade(access))) {
        served.remove(&access.file);
    }
}

/// The database that a URL names, when a node of this process serves it.
pub(super) fn find(url: &str) -> Option<Arc<Access>> {
    let file = file_of(url)?;
    let served = served().lock();
    if served.is_empty() {
        return None;
    }
    names(&file).find_map(|name| served.get(&name)?.upgrade())
}

/// The file that a URL of `SqliteConnection` names: a path, `sqlite://path` or `file:path?query`.
///
/// `None` for what is no file, and for a URL that asks for reading only: such a connection is a
/// bare one, which cannot write anywhere.
pub(crate) fn file_of(url: &str) -> Option<PathBuf> {
    let url = match url.strip_prefix("sqlite://") {
        Some(rest) => format!("file:{rest}"),
        None => url.to_owned(),
    };
    let Some(uri) = url.strip_prefix("file:") else {
        return (!url.is_empty() && url != ":memory:").then(|| PathBuf::from(url));
    };
    let uri = uri.split('#').next().unwrap_or_default();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    for parameter in query.split('&') {
        if matches!(parameter, "mode=ro" | "mode=memory" | "immutable=1") {
            return None;
        }
    }
    // After `//` comes a host: none, or this one.
    let path = match path.strip_prefix("//") {
        Some(rest) => &rest[rest.find('/')?..],
        None => path,
    };
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

/// The names under which a file may be registered: the canonical one; and as it is written, for
/// when its folder cannot be read because LiteFS is down.
fn names(file: &Path) -> impl Iterator<Item = PathBuf> {
    [canonical(file), std::path::absolute(file).ok()].into_iter().flatten()
}

/// The canonical name of a file that need not exist yet, in a folder that does.
pub(crate) fn canonical(file: &Path) -> Option<PathBuf> {
    file.canonicalize().ok().or_else(|| {
        let file = std::path::absolute(file).ok()?;
        Some(file.parent()?.canonicalize().ok()?.join(file.file_name()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_url_of_a_file_names_it() {
        for (url, file) in [
            ("app.db", "app.db"),
            ("/litefs/app.db", "/litefs/app.db"),
            ("a b?c.db", "a b?c.db"),
            ("sqlite:///litefs/app.db", "/litefs/app.db"),
            ("sqlite://app.db", "app.db"),
            ("file:app.db", "app.db"),
            ("file:app.db?mode=rwc&cache=shared#top", "app.db"),
            ("file:/litefs/a%20b%2fc.db", "/litefs/a b/c.db"),
            ("file:///litefs/app.db?mode=rw", "/litefs/app.db"),
            ("file://localhost/litefs/app.db", "/litefs/app.db"),
            ("file:100%.db", "100%.db"),
        ] {
            assert_eq!(file_of(url), Some(PathBuf::from(file)), "{url}");
        }
    }

    #[test]
    fn what_is_no_file_or_only_reads_is_nobodys() {
        for url in [
            "",
            ":memory:",
            "file::memory:",
            "file:",
            "file:x?mode=memory&cache=shared",
            "sqlite://:memory:",
            "file:app.db?mode=ro",
            "file:app.db?cache=private&immutable=1",
        ] {
            assert_eq!(file_of(url), None, "{url}");
        }
    }
}
