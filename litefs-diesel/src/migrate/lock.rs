//! One process at a time that runs migrations on the databases of a folder.
//!
//! SQLite's lock makes each transaction run alone; this one keeps whole plans apart, of the migrations
//! tool and of applications, so that one that runs without a transaction is run once, too. It is
//! on the folder itself: no file is made, the system gives it back when a process dies, and it is none
//! that SQLite uses on the database file.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the lock is asked for while somebody else has it: there is no call with a deadline, and
/// nobody notices this beside the migrations of the other.
const LOOK: Duration = Duration::from_millis(20);

/// Held until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its drop")] File);

impl Lock {
    /// Waits until `deadline`, while `may_wait` says so. `None`: this file system has no such locks, and
    /// SQLite's own have to do. Blocks.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when somebody else has it all the time; else what the system says.
    pub fn take(folder: &Path, deadline: Instant, may_wait: impl Fn() -> bool) -> io::Result<Option<Self>> {
        let file = File::open(folder)?;
        loop {
            match try_lock(&file) {
                Ok(Taken::Locked) => return Ok(Some(Self(file))),
                Ok(Taken::Unsupported) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(error) if Instant::now() >= deadline || !may_wait() => return Err(error),
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }
}

enum Taken {
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no such locks"))]
    Locked,
    Unsupported,
}

#[cfg(unix)]
fn try_lock(file: &File) -> io::Result<Taken> {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Taken::Locked),
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK | Errno::BADF) => Ok(Taken::Unsupported),
        Err(error) => Err(error.into()),
    }
}

/// LiteFS runs nowhere else: the database is one process's.
#[cfg(not(unix))]
fn try_lock(_: &File) -> io::Result<Taken> {
    Ok(Taken::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_other_waits_until_its_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let take = |patience: u64, may_wait: bool| {
            Lock::take(dir.path(), Instant::now() + Duration::from_millis(patience), || may_wait)
        };
        let held = take(0, true).unwrap();
        assert!(held.is_some());
        let begun = Instant::now();
        assert_eq!(take(30, true).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(begun.elapsed() >= Duration::from_millis(30));
        assert_eq!(take(60_000, false).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        assert!(take(0, true).unwrap().is_some());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(Lock::take(&dir.path().join("none"), begun, || true).is_err());
    }
}
