//! Reading `<database>-pos`.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::files;
use crate::position::Position;

/// The file's size, line end included.
const LEN: usize = Position::TEXT_LEN + 1;

/// How a position is read from the kept descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Exactly the file's 34 bytes: the kernel answers from its own page, which LiteFS takes away
    /// at each new position. Under 1 µs. When LiteFS is *dead*, nobody takes it away, and this
    /// gives the last position for ever.
    Cached,
    /// One byte more: the kernel has to ask LiteFS for the size first. 20 to 40 µs, and fails
    /// when LiteFS is dead.
    Asked,
}

/// One database's position file, with a descriptor that is kept between reads.
pub(super) struct PositionFile {
    path: PathBuf,
    mount: PathBuf,
    file: Mutex<Option<Arc<File>>>,
    /// How often the file was read, whoever asked.
    reads: AtomicU64,
}

impl PositionFile {
    pub(super) fn new(database: &Path) -> Self {
        let mut path = OsString::from(database);
        path.push("-pos");
        let mount = database.parent().unwrap_or(Path::new(".")).to_owned();
        Self { path: path.into(), mount, file: Mutex::new(None), reads: AtomicU64::new(0) }
    }

    /// The position; `None` when LiteFS does not know the database. Blocks while LiteFS is stopped
    /// where it is.
    ///
    /// A descriptor that fails is closed, for LiteFS cannot mount again while any is open, and the
    /// file is opened anew once.
    pub(super) fn read(&self, how: Read) -> io::Result<Option<Position>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let kept = self.file.lock().clone();
        if let Some(file) = kept {
            match self.read_from(&file, how) {
                Err(error) if error.kind() != io::ErrorKind::InvalidData => self.forget_this(&file),
                result => return result.map(Some),
            }
        }
        match File::open(&self.path) {
            Ok(file) => {
                let file = Arc::new(file);
                let position = self.read_from(&file, how)?;
                *self.file.lock() = Some(file);
                Ok(Some(position))
            }
            // Without its mount the directory is empty: that is no word of LiteFS's.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::mount_id(&self.mount).map(|_| None)
            }
            Err(error) => Err(files::with_path(&error, &self.path)),
        }
    }

    /// How often the file was read.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Closes the descriptor. The next read opens it again.
    pub(super) fn forget(&self) {
        *self.file.lock() = None;
    }

    fn forget_this(&self, file: &Arc<File>) {
        let mut kept = self.file.lock();
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, file)) {
            *kept = None;
        }
    }

    fn read_from(&self, file: &File, how: Read) -> io::Result<Position> {
        let mut buffer = [0; LEN + 1];
        let wanted = if how == Read::Cached { LEN } else { LEN + 1 };
        let read =
            file.read_at(&mut buffer[..wanted], 0).map_err(|error| files::with_path(&error, &self.path))?;
        parse(&buffer[..read]).ok_or_else(|| {
            let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{}: not a position: {text:?}", self.path.display()),
            )
        })
    }
}

/// Exactly 34 bytes: 33 of a position and a line end.
pub(super) fn parse(bytes: &[u8]) -> Option<Position> {
    let text = bytes.strip_suffix(b"\n")?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "0000000000000001/f7c8a91500000000\n";

    fn file() -> (tempfile::TempDir, PositionFile) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".lag"), "+000000000\n").unwrap();
        let file = PositionFile::new(&dir.path().join("app.db"));
        (dir, file)
    }

    #[test]
    fn a_position_is_read_again_from_the_kept_descriptor() {
        let (dir, file) = file();
        for text in [ONE, "0000000000000002/f7c8a91500000001\n"] {
            fs::write(dir.path().join("app.db-pos"), text).unwrap();
            for how in [Read::Cached, Read::Asked] {
                assert_eq!(file.read(how).unwrap().unwrap().to_string(), text.trim_end());
            }
        }
        assert_eq!(file.reads(), 4);
    }

    #[test]
    fn an_unknown_database_is_told_from_a_mount_that_is_gone() {
        let (dir, file) = file();
        assert_eq!(file.read(Read::Cached).unwrap(), None);
        fs::remove_file(dir.path().join(".lag")).unwrap();
        assert_eq!(file.read(Read::Cached).unwrap_err().kind(), io::ErrorKind::NotConnected);
    }

    #[test]
    fn anything_but_34_bytes_of_hexadecimal_is_refused() {
        let (dir, file) = file();
        let bad = [
            "",
            &ONE[..33],
            &format!("{}\n", &ONE[..32]),
            "+000000000000001/f7c8a91500000000\n",
            &ONE.replace('a', "g"),
        ];
        for text in bad {
            fs::write(dir.path().join("app.db-pos"), text).unwrap();
            for how in [Read::Cached, Read::Asked] {
                assert_eq!(file.read(how).unwrap_err().kind(), io::ErrorKind::InvalidData, "{text:?}");
            }
        }
        fs::write(dir.path().join("app.db-pos"), format!("{ONE}more")).unwrap();
        assert!(file.read(Read::Asked).is_err());
    }
}
