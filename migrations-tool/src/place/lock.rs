//! One tool at a time on the databases of a folder.
//!
//! SQLite's lock makes each transaction run alone; this one keeps whole runs apart, also those of
//! migrations that run without a transaction. It is on the folder itself: no file is made, the
//! system gives it back when a process dies, and it is none that SQLite uses on the database file.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::PlaceError;

/// How often the lock is asked for while somebody else has it: there is no call with a deadline, and
/// nobody notices this beside the migrations of the other.
const LOOK: Duration = Duration::from_millis(20);

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for its drop")] File);

impl Lock {
    /// Waits for at most `timeout`. A file system without such locks has none, and then SQLite's own
    /// have to do.
    pub(super) fn take(folder: &Path, timeout: Duration) -> Result<Option<Self>, PlaceError> {
        let error = |why: String| PlaceError::Lock { path: folder.to_owned(), why };
        let file = File::open(folder).map_err(|cause| error(cause.to_string()))?;
        let started = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Self(file))),
                Err(Errno::WOULDBLOCK) if started.elapsed() < timeout => std::thread::sleep(LOOK),
                Err(Errno::WOULDBLOCK) => {
                    return Err(PlaceError::Busy { path: folder.to_owned(), waited: timeout });
                }
                Err(Errno::INTR) => {}
                Err(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK | Errno::BADF) => return Ok(None),
                Err(cause) => return Err(error(cause.to_string())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_other_says_who_it_waits_for() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::take(dir.path(), Duration::ZERO).unwrap();
        assert!(held.is_some());
        let error = Lock::take(dir.path(), Duration::from_millis(30)).unwrap_err().to_string();
        assert!(error.contains("another tool works on") && error.contains("30ms"), "{error}");
        drop(held);
        assert!(Lock::take(dir.path(), Duration::ZERO).unwrap().is_some());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
