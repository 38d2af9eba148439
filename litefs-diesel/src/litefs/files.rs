//! The role and the lag, from the files in the mount. All of this may block for as long as LiteFS
//! is stopped where it is.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::role::Role;

/// What `.lag` says before anything was replicated.
const NEVER: i64 = i32::MAX as i64;
/// Longer than any host name.
const MAX_HOSTNAME: u64 = 4096;

/// Which mount is there: the number changes when LiteFS mounts anew.
///
/// An error when there is none. A mount point without its mount is an empty directory, in which
/// every file "does not exist"; LiteFS always has `.lag`, so that is looked for.
pub(super) fn mount_id(mount: &Path) -> io::Result<u64> {
    let path = mount.join(".lag");
    match fs::metadata(&path) {
        Ok(metadata) => Ok(metadata.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::new(
            io::ErrorKind::NotConnected,
            format!("LiteFS is not mounted at {}: there is no .lag", mount.display()),
        )),
        Err(error) => Err(with_path(&error, &path)),
    }
}

/// The host name in `.primary`; `None` on a live mount that does not have it: this node is
/// primary, or there is no leader.
pub(super) fn named_primary(mount: &Path) -> io::Result<Option<String>> {
    // Opened anew each time: what a handle gives is fixed. Reading one that opened may still say
    // that there is none.
    let path = mount.join(".primary");
    let mut text = String::new();
    match File::open(&path).and_then(|file| file.take(MAX_HOSTNAME).read_to_string(&mut text)) {
        Ok(_) => Ok(parse_primary(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => mount_id(mount).map(|_| None),
        Err(error) => Err(with_path(&error, &path)),
    }
}

/// How far this node is behind: zero on the primary, `None` when nothing was replicated yet.
/// LiteFS hears from the primary once a second, so up to that is usual.
pub(super) fn lag(mount: &Path) -> io::Result<Option<Duration>> {
    Ok(match lag_millis(mount)? {
        NEVER => None,
        // Below zero when the primary's clock is ahead.
        millis => Some(Duration::from_millis(millis.max(0).unsigned_abs())),
    })
}

/// The role, as far as the files tell.
///
/// Without `.primary` there are two, and `.lag` tells which: it is a constant zero on the primary,
/// and on others the age of the primary's last word, which cannot be zero twice.
pub(super) fn role(mount: &Path) -> io::Result<Role> {
    if let Some(primary) = named_primary(mount)? {
        return Ok(Role::Replica { primary });
    }
    if lag_millis(mount)? != 0 {
        return Ok(Role::NoLeader);
    }
    std::thread::sleep(Duration::from_millis(5));
    Ok(if lag_millis(mount)? == 0 && named_primary(mount)?.is_none() {
        Role::Primary
    } else {
        Role::NoLeader
    })
}

/// A name and a line end.
pub(super) fn parse_primary(text: &str) -> Option<String> {
    Some(text.trim_end_matches('\n').to_owned()).filter(|name| !name.is_empty())
}

fn lag_millis(mount: &Path) -> io::Result<i64> {
    let path = mount.join(".lag");
    let mut text = String::new();
    File::open(&path)
        .and_then(|file| file.take(32).read_to_string(&mut text))
        .map_err(|error| with_path(&error, &path))?;
    parse_lag(&text).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: not a lag: {text:?}", path.display()))
    })
}

/// `%+010d` milliseconds; the line end is missing where the number fills the file.
pub(super) fn parse_lag(text: &str) -> Option<i64> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.starts_with(['+', '-']).then(|| text.parse().ok())?
}

/// The same error, with the path in its text.
pub(super) fn with_path(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| fs::write(dir.path().join(name), text).unwrap());
        dir
    }

    #[test]
    fn a_missing_primary_file_alone_never_means_primary() {
        let gone = mount(&[]);
        assert_eq!(role(gone.path()).unwrap_err().kind(), io::ErrorKind::NotConnected);
        let no_leader = mount(&[(".lag", "+000000312\n")]);
        assert_eq!(role(no_leader.path()).unwrap(), Role::NoLeader);
        let never = mount(&[(".lag", "+2147483647")]);
        assert_eq!(role(never.path()).unwrap(), Role::NoLeader);
        let primary = mount(&[(".lag", "+000000000\n")]);
        assert_eq!(role(primary.path()).unwrap(), Role::Primary);
    }

    #[test]
    fn a_primary_is_named_by_free_form_text() {
        let replica = mount(&[(".lag", "+000000312\n"), (".primary", "ams 1 (eu)\n")]);
        assert_eq!(role(replica.path()).unwrap(), Role::Replica { primary: "ams 1 (eu)".into() });
    }

    #[test]
    fn a_lag_is_signed_and_its_largest_means_never() {
        let lag_of = |text| lag(mount(&[(".lag", text)]).path());
        assert_eq!(lag_of("+000000000\n").unwrap(), Some(Duration::ZERO));
        assert_eq!(lag_of("+000001234\n").unwrap(), Some(Duration::from_millis(1234)));
        assert_eq!(lag_of("-000000042\n").unwrap(), Some(Duration::ZERO));
        assert_eq!(lag_of("+2147483647").unwrap(), None);
        for text in ["", "000000000\n", "+\n", "+0x1\n", "+000000000\n\n"] {
            assert_eq!(lag_of(text).unwrap_err().kind(), io::ErrorKind::InvalidData, "{text:?}");
        }
    }
}
