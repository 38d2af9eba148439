//! Where a stream's rows wait for a consumer that is slower than the database.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::statement::Rows;

/// How many bytes of rows are kept in memory; those behind go to a file.
const MEMORY: usize = 1024 * 1024;

/// How many bytes of rows go to the file: after them the stream ends with an error.
const DISK: u64 = 1024 * 1024 * 1024;

/// Rows in order, from one thread that reads them to one task that takes them. The reader never
/// waits: not for the task, and so the cursor is open no longer than the database needs.
pub(super) struct Spool {
    parts: Mutex<Parts>,
    /// A file without a name, gone with its last handle. Made when it is needed; its lock is held
    /// while it is read or written, and only by threads that may block.
    file: Mutex<Option<File>>,
    task: AtomicWaker,
    abandoned: AtomicBool,
    memory: usize,
    disk: u64,
}

#[derive(Default)]
struct Parts {
    waiting: VecDeque<Part>,
    in_memory: usize,
    on_disk: u64,
}

enum Part {
    Memory(Rows),
    Disk(Extent),
}

/// A part of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    start: u64,
    len: usize,
}

/// What is next for the task.
pub(super) enum Taken {
    Rows(Rows),
    /// To be read with [`Spool::read`], on a thread that may block.
    Disk(Extent),
    /// Nothing now. The task is woken when there is.
    Nothing,
}

impl Spool {
    pub(super) fn new() -> Arc<Self> {
        Self::with_limits(MEMORY, DISK)
    }

    fn with_limits(memory: usize, disk: u64) -> Arc<Self> {
        Arc::new(Self {
            parts: Mutex::default(),
            file: Mutex::new(None),
            task: AtomicWaker::new(),
            abandoned: AtomicBool::new(false),
            memory,
            disk,
        })
    }

    /// Adds rows. `false`: nobody wants more.
    pub(super) fn push(&self, rows: Rows) -> io::Result<bool> {
        let size = rows.values.byte_len();
        let fits = self.parts.lock().in_memory + size <= self.memory;
        let part = if fits { Part::Memory(rows) } else { Part::Disk(self.write(&rows)?) };
        let mut parts = self.parts.lock();
        if fits {
            parts.in_memory += size;
        }
        parts.waiting.push_back(part);
        drop(parts);
        self.task.wake();
        Ok(!self.abandoned.load(Ordering::Relaxed))
    }

    pub(super) fn take(&self, task: &Waker) -> Taken {
        self.task.register(task);
        let mut parts = self.parts.lock();
        match parts.waiting.pop_front() {
            Some(Part::Memory(rows)) => {
                parts.in_memory -= rows.values.byte_len();
                Taken::Rows(rows)
            }
            Some(Part::Disk(extent)) => Taken::Disk(extent),
            None => Taken::Nothing,
        }
    }

    /// Tells the reader to stop.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    fn write(&self, rows: &Rows) -> io::Result<Extent> {
        let bytes = postcard::to_allocvec(rows).map_err(io::Error::other)?;
        let extent = {
            let mut parts = self.parts.lock();
            let extent = Extent { start: parts.on_disk, len: bytes.len() };
            parts.on_disk += bytes.len() as u64;
            extent
        };
        if extent.start + bytes.len() as u64 > self.disk {
            return Err(io::Error::other(format!(
                "the rows that wait for their consumer take more than {} MiB; read faster, or in pages with `all`",
                self.disk / (1024 * 1024)
            )));
        }
        let mut file = self.file.lock();
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(extent.start))?;
        file.write_all(&bytes)?;
        Ok(extent)
    }

    pub(super) fn read(&self, extent: Extent) -> io::Result<Rows> {
        let mut bytes = vec![0; extent.len];
        let mut file = self.file.lock();
        let file = file.as_mut().ok_or_else(|| io::Error::other("the file of a stream is gone"))?;
        file.seek(SeekFrom::Start(extent.start))?;
        file.read_exact(&mut bytes)?;
        postcard::from_bytes(&bytes).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ValueRef;

    fn rows(i: i64) -> Rows {
        Rows { columns: vec!["i".into()], count: 1, values: [ValueRef::Integer(i)].into_iter().collect() }
    }

    fn take_all(spool: &Spool) -> (Vec<Rows>, usize) {
        let (mut all, mut from_disk) = (Vec::new(), 0);
        loop {
            match spool.take(Waker::noop()) {
                Taken::Rows(rows) => all.push(rows),
                Taken::Disk(extent) => {
                    from_disk += 1;
                    all.push(spool.read(extent).unwrap());
                }
                Taken::Nothing => return (all, from_disk),
            }
        }
    }

    #[test]
    fn what_does_not_fit_in_memory_comes_back_from_disk_in_order() {
        let spool = Spool::with_limits(40, 1 << 20);
        for i in 0..100 {
            assert!(spool.push(rows(i)).unwrap());
        }
        let (all, from_disk) = take_all(&spool);
        assert_eq!(all, (0..100).map(rows).collect::<Vec<_>>());
        assert_eq!(from_disk, 96);
        // What has been taken makes room again.
        spool.push(rows(100)).unwrap();
        assert_eq!(take_all(&spool), (vec![rows(100)], 0));
    }

    #[test]
    fn past_the_limit_of_the_disk_the_error_says_what_to_do() {
        let spool = Spool::with_limits(0, 32);
        let error = (0..).find_map(|i| spool.push(rows(i)).err()).unwrap();
        assert!(error.to_string().contains("in pages"), "{error}");
    }

    #[test]
    fn the_reader_is_told_when_nobody_wants_more() {
        let spool = Spool::new();
        assert!(spool.push(rows(1)).unwrap());
        spool.abandon();
        assert!(!spool.push(rows(2)).unwrap());
    }
}
