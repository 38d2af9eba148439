//! A write on the replica under LiteFS's own HALT lock: LiteFS's way of writing away from the
//! primary.

use std::fs::File;
use std::path::Path;

use diesel::prelude::*;
use litefs_diesel_tests::bench::Outcome;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::primary::{Insert, run};
use crate::schema::connect;

/// The byte of `<database>-lock` that LiteFS takes for the HALT lock.
const HALT_BYTE: libc::off_t = 72;

/// A connection on the replica that writes under the lock.
pub(crate) struct HaltWriter {
    conn: SqliteConnection,
    lock: File,
}

impl HaltWriter {
    pub(crate) fn open(database: &Path) -> Outcome<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-lock");
        let lock = File::options().read(true).write(true).open(path)?;
        Ok(Self { conn: connect(database)?, lock })
    }

    /// Takes the lock, commits one row, gives the lock back.
    pub(crate) fn write(&mut self, number: i64) -> Outcome<()> {
        // Waits for the primary, which stops writing, and until this node has all that it wrote.
        self.set(libc::F_WRLCK)?;
        let written = run(&mut self.conn, &Insert(number));
        self.set(libc::F_UNLCK)?;
        Ok(written?)
    }

    fn set(&self, kind: libc::c_int) -> Outcome<()> {
        let lock = libc::flock {
            l_type: kind.try_into()?,
            l_whence: libc::SEEK_SET.try_into()?,
            l_start: HALT_BYTE,
            l_len: 1,
            l_pid: 0,
        };
        // The lock of an open file, not of the process, and the waiting form: LiteFS answers
        // ENOSYS to the one that only tries.
        fcntl(&self.lock, FcntlArg::F_OFD_SETLKW(&lock))?;
        Ok(())
    }
}
