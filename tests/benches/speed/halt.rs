//! A write on the replica under LiteFS's own HALT lock: LiteFS's way of writing away from the
//! primary.

use std::fs::File;
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use litefs_diesel_tests::bench::Outcome;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::primary::{Insert, run};
use crate::schema::connect;

/// The byte of `<database>-lock` that LiteFS takes for the HALT lock.
const HALT_BYTE: libc::off_t = 72;

/// A connection on the replica that writes under the lock, which it takes for each write as
/// LiteFS's own Go client does: open the lock's file, lock, write, unlock, close.
pub(crate) struct HaltWriter {
    conn: SqliteConnection,
    lock: PathBuf,
}

impl HaltWriter {
    pub(crate) fn open(database: &Path) -> Outcome<Self> {
        let mut lock = database.as_os_str().to_owned();
        lock.push("-lock");
        Ok(Self { conn: connect(database)?, lock: lock.into() })
    }

    /// Takes the lock, commits one row, gives the lock back.
    pub(crate) fn write(&mut self, number: i64) -> Outcome<()> {
        let lock = File::options().read(true).write(true).open(&self.lock)?;
        // Waits for the primary, which stops writing, and until this node has all that it wrote.
        set(&lock, libc::F_WRLCK)?;
        let written = run(&mut self.conn, &Insert(number));
        set(&lock, libc::F_UNLCK)?;
        Ok(written?)
    }
}

fn set(file: &File, kind: libc::c_int) -> Outcome<()> {
    let lock = libc::flock {
        l_type: kind.try_into()?,
        l_whence: libc::SEEK_SET.try_into()?,
        l_start: HALT_BYTE,
        l_len: 1,
        l_pid: 0,
    };
    // The lock of an open file, not of the process, and the waiting form: LiteFS answers ENOSYS to
    // the one that only tries.
    fcntl(file, FcntlArg::F_OFD_SETLKW(&lock))?;
    Ok(())
}
