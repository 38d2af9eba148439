//! A database's URL: what `SqliteConnection` takes, taken apart as SQLite does it, and put together
//! again for the mode in which a node opens it.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// All bytes of a path that do not stand for themselves: SQLite would take `?`, `#` and `%` for
/// its own.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// A database file and how to open it. Its text never shows the query, which may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl {
    /// Absolute, and where the file really is: SQLite follows links before it looks for the files
    /// beside it.
    file: PathBuf,
    /// The query without `mode`, as it was given.
    query: Vec<String>,
    /// `false` for a URL that says `mode=rw`.
    may_create: bool,
}

/// What a URL names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    File(DatabaseUrl),
    /// A database of one connection only: `:memory:`, an empty name.
    Memory,
}

impl DatabaseUrl {
    /// Takes a URL apart; a relative path counts from `base`. `Err` says what is wrong, and never
    /// shows the URL. Looks at the file system only to follow links.
    pub(crate) fn parse(url: &str, base: &Path) -> Result<Target, String> {
        if url.contains('\0') {
            return Err("it has a NUL character".to_owned());
        }
        // As Diesel does it.
        let url = url.strip_prefix("sqlite://").map_or_else(|| url.to_owned(), |rest| format!("file:{rest}"));
        let Some(uri) = url.strip_prefix("file:") else {
            let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
            if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+') {
                return Err(
                    "it is the URL of another kind of database; name a file, `sqlite://…` or `file:…`"
                        .to_owned(),
                );
            }
            return Ok(Self::target(PathBuf::from(url), Query::default(), base));
        };
        let uri = uri.split_once('#').map_or(uri, |(uri, _)| uri);
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let path = match path.strip_prefix("//") {
            None => path,
            Some(rest) => {
                let slash = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(slash);
                if !authority.is_empty() && authority != "localhost" {
                    return Err(
                        "it names a host before the path; write `file:PATH` or `file:///PATH`".to_owned()
                    );
                }
                path
            }
        };
        Ok(Self::target(decode(path)?, Query::parse(query)?, base))
    }

    fn target(path: PathBuf, query: Query, base: &Path) -> Target {
        if query.memory || path.as_os_str().is_empty() || path.as_os_str() == ":memory:" {
            return Target::Memory;
        }
        Target::File(Self { file: real(&base.join(path)), query: query.rest, may_create: query.may_create })
    }

    /// The file: absolute, links followed.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// For a connection that only reads. SQLite refuses every write on it.
    pub(crate) fn read_only(&self) -> String {
        self.with_mode("ro")
    }

    /// For a connection that writes, to a database that is there.
    pub(crate) fn read_write(&self) -> String {
        self.with_mode("rw")
    }

    /// For a connection that writes, and makes the database when it is not there; the same as
    /// [`read_write`](Self::read_write) when the URL itself says `mode=rw`.
    pub(crate) fn create(&self) -> String {
        self.with_mode(if self.may_create { "rwc" } else { "rw" })
    }

    /// The file that LiteFS or SQLite keeps beside the database: `-pos`, `-wal`.
    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.file.clone().into_os_string();
        path.push(suffix);
        path.into()
    }

    /// Whether the database file is there. `Err` is the system's: LiteFS may have died.
    pub(crate) fn exists(&self) -> std::io::Result<bool> {
        self.file.try_exists()
    }

    fn with_mode(&self, mode: &str) -> String {
        // The empty host, so that a path that begins with two slashes is not taken for one.
        let mut url = String::from("file://");
        url.extend(percent_encode(self.file.as_os_str().as_encoded_bytes(), PATH));
        url.push('?');
        for parameter in &self.query {
            url.push_str(parameter);
            url.push('&');
        }
        url.push_str("mode=");
        url.push_str(mode);
        url
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.display().fmt(f)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({:?}, {} parameters)", self.file, self.query.len())
    }
}

struct Query {
    rest: Vec<String>,
    memory: bool,
    may_create: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self { rest: Vec::new(), memory: false, may_create: true }
    }
}

impl Query {
    fn parse(text: &str) -> Result<Self, String> {
        let mut query = Self::default();
        for parameter in text.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match (percent_decode_str(name).decode_utf8_lossy().as_ref(), value.as_ref()) {
                ("", _) => continue,
                ("mode", "memory") => query.memory = true,
                ("mode", "rw") => (query.memory, query.may_create) = (false, false),
                ("mode", "rwc") => (query.memory, query.may_create) = (false, true),
                ("mode", "ro") => {
                    return Err("it says `mode=ro`, and a node writes too; leave the mode out".to_owned());
                }
                ("mode", _) => return Err("its `mode` is none of rw, rwc, memory".to_owned()),
                ("vfs", "memdb") => query.memory = true,
                ("cache", "shared") => {
                    return Err(
                        "it says `cache=shared`, with which one connection's reads are locked by another's \
                                writes; leave it out"
                            .to_owned(),
                    );
                }
                (name @ ("immutable" | "nolock"), _) => {
                    return Err(format!(
                        "it says `{name}`, with which changes of others are not seen; leave it out"
                    ));
                }
                _ => query.rest.push(parameter.to_owned()),
            }
        }
        Ok(query)
    }
}

fn decode(path: &str) -> Result<PathBuf, String> {
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    if bytes.contains(&0) {
        return Err("it has a NUL character (%00)".to_owned());
    }
    #[cfg(unix)]
    return Ok(PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes)));
    #[cfg(not(unix))]
    return String::from_utf8(bytes).map(PathBuf::from).map_err(|_| "its path is not UTF-8".to_owned());
}

/// The file's own place, links followed as far as they lead to something; as given where they do not.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    // A link to a database that is to be made.
    let target = match (path.read_link(), path.parent()) {
        (Ok(target), Some(folder)) => folder.join(target),
        _ => path.to_owned(),
    };
    match (target.parent().map(Path::canonicalize), target.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => std::path::absolute(&target).unwrap_or(target),
    }
}
