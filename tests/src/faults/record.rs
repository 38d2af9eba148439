//! What an application writes down about its writes while they happen: a line of JSON each, on an
//! ordinary file, so that an application that is killed leaves an honest record. An attempt
//! without an end was told nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use litefs_diesel::{Error, LostWrite};
use serde::{Deserialize, Serialize};

use super::clock;
use super::work::Attempt;
use crate::contract::outcome;

/// One line. All times are [`clock::now`]'s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Line {
    /// The first.
    Began {
        /// Its host name in the cluster.
        node: String,
    },
    /// A call begins.
    Attempt {
        /// When.
        at: u64,
        /// Which.
        attempt: Attempt,
    },
    /// A call has ended.
    Ended(End),
    /// The library says that a write which it had acknowledged is lost.
    Lost(Loss),
    /// The machine did not let this process run (nor did whoever paused it).
    Stall {
        /// Since when.
        from: u64,
        /// Until when.
        to: u64,
    },
    /// All calls have ended and there are no more.
    Finished,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: u64,
    /// Of the attempt.
    pub tag: i64,
    /// What it was told.
    pub class: Class,
    /// The error's text.
    pub detail: Option<String>,
    /// The write's own, where it was told.
    pub position: Option<String>,
    /// What it returned, where it returns something and was told as done.
    pub given: Option<Given>,
    /// By how much it outlived its deadline.
    pub late_ms: u64,
}

/// What a write returns: of the one time that it ran, whichever attempt is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given {
    /// The id of its row, of the last when there are some.
    Id(i64),
    /// How many rows each of its statements changed.
    Counts(Vec<usize>),
}

/// A report that a write is lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// When.
    pub at: u64,
    /// Where the write was.
    pub position: String,
    /// Its statement.
    pub text: String,
    /// Why it could not be sent again, where that was wanted.
    pub resubmit: Option<String>,
}

/// What a caller knows of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// It is done, as asked for.
    Value,
    /// It is committed, but not as far as asked for.
    Committed,
    /// The database said no.
    Rejected,
    /// It never ran.
    NotExecuted,
    /// It was done, and is gone.
    Lost,
    /// Nobody knows.
    Unknown,
    /// Something that no write of the run should end with.
    Other,
}

impl Class {
    /// What an error says.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match outcome::of(error)["outcome"].as_str() {
            Some("committed") => Self::Committed,
            Some("rejected") => Self::Rejected,
            Some("not_executed") => Self::NotExecuted,
            Some("lost") => Self::Lost,
            Some("unknown") => Self::Unknown,
            _ => Self::Other,
        }
    }
}

/// The writing side. It also watches, from a thread of its own, whether this process gets to run.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<File>,
}

/// How often the watching thread wants to run.
const BEAT: Duration = Duration::from_millis(10);

/// From what delay on it says so.
const STALL_US: u64 = 40_000;

impl Recorder {
    /// Begins a record in a folder, in a file that is this process's own.
    ///
    /// # Errors
    /// When there can be none.
    pub fn begin(folder: &Path, node: &str) -> io::Result<Arc<Self>> {
        let name = format!("{node}-{}-{}.jsonl", clock::now(), std::process::id());
        let file = File::options().create_new(true).append(true).open(folder.join(name))?;
        let recorder = Arc::new(Self { file: Mutex::new(file) });
        recorder.write(&Line::Began { node: node.to_owned() });
        let watched = Arc::downgrade(&recorder);
        std::thread::spawn(move || watch(&watched));
        Ok(recorder)
    }

    /// Writes down that a write is lost.
    pub fn lost(&self, lost: &LostWrite) {
        self.write(&Line::Lost(Loss {
            at: clock::now(),
            position: lost.position.to_string(),
            text: lost.statement.clone(),
            resubmit: lost.resubmit.clone(),
        }));
    }

    /// Writes a line; it is in the system's hands when this returns.
    ///
    /// # Panics
    /// When it cannot: a run without its record proves nothing.
    pub fn write(&self, line: &Line) {
        let mut text = serde_json::to_vec(line).expect("a line is JSON");
        text.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&text).expect("the record can be written");
    }
}

fn watch(recorder: &Weak<Recorder>) {
    let mut last = clock::now();
    while let Some(recorder) = recorder.upgrade() {
        std::thread::sleep(BEAT);
        let now = clock::now();
        if now - last > STALL_US {
            recorder.write(&Line::Stall { from: last, to: now });
        }
        last = now;
    }
}

/// What one application process has recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// The file's name.
    pub name: String,
    /// Its node's host name.
    pub node: String,
    /// Its calls by their tags.
    pub attempts: BTreeMap<i64, Recorded>,
    /// What the library reported as lost.
    pub lost: Vec<Loss>,
    /// When it did not get to run.
    pub stalls: Vec<(u64, u64)>,
    /// Whether it lived until its calls had ended. One that was killed or stopped did not.
    pub finished: bool,
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// When it began.
    pub at: u64,
    /// What it asked for.
    pub attempt: Attempt,
    /// `None`: the process ended before.
    pub end: Option<End>,
}

impl Process {
    /// Reads all records of a folder, in the order of their names.
    ///
    /// # Errors
    /// When one cannot be read, or has something in it that is none of our lines. The last line of
    /// a killed process may be cut off.
    pub fn read_all(folder: &Path) -> io::Result<Vec<Self>> {
        let mut paths = Vec::new();
        for file in fs::read_dir(folder)? {
            paths.push(file?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        paths.sort();
        paths.iter().map(Self::read).collect()
    }

    fn read(path: &PathBuf) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut process = Self { name, ..Self::default() };
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            process.take(serde_json::from_str(line)?);
        }
        Ok(process)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Began { node } => self.node = node,
            Line::Attempt { at, attempt } => {
                self.attempts.insert(attempt.tag, Recorded { at, attempt, end: None });
            }
            Line::Ended(end) => {
                if let Some(recorded) = self.attempts.get_mut(&end.tag) {
                    recorded.end = Some(end);
                }
            }
            Line::Lost(loss) => self.lost.push(loss),
            Line::Stall { from, to } => self.stalls.push((from, to)),
            Line::Finished => self.finished = true,
        }
    }

    /// How long it did not get to run between two times, in milliseconds.
    #[must_use]
    pub fn stalled_ms(&self, from: u64, to: u64) -> u64 {
        let within = |stall: &(u64, u64)| stall.1.min(to).saturating_sub(stall.0.max(from));
        self.stalls.iter().map(within).sum::<u64>() / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::work::{Level, Way, Work};

    #[test]
    fn what_was_recorded_is_read_and_a_line_that_was_cut_off_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::begin(folder.path(), "node-1").unwrap();
        let attempt = |tag| Attempt {
            tag,
            work: Work::Insert(1),
            way: Way::Method,
            level: Level::Everywhere,
            timeout_ms: 100,
        };
        let end = End {
            at: 3,
            tag: 7,
            class: Class::Value,
            detail: None,
            position: None,
            given: Some(Given::Id(1)),
            late_ms: 0,
        };
        recorder.write(&Line::Attempt { at: 1, attempt: attempt(7) });
        recorder.write(&Line::Attempt { at: 2, attempt: attempt(8) });
        recorder.write(&Line::Ended(end.clone()));
        recorder.write(&Line::Stall { from: 10_000, to: 60_000 });
        recorder.file.lock().unwrap().write_all(b"{\"Ended\":{\"at\"").unwrap();

        let processes = Process::read_all(folder.path()).unwrap();
        let [process] = &processes[..] else { panic!("{processes:?}") };
        assert_eq!(process.node, "node-1");
        assert_eq!(process.attempts[&7].end, Some(end));
        assert_eq!(process.attempts[&8], Recorded { at: 2, attempt: attempt(8), end: None });
        assert!(!process.finished);
        assert_eq!(process.stalled_ms(50_000, 70_000), 10);
    }

    #[test]
    fn a_process_that_does_not_get_to_run_is_not_blamed_for_it() {
        let process = Process { stalls: vec![(0, 5_000), (8_000, 20_000)], ..Process::default() };
        assert_eq!(process.stalled_ms(0, 30_000), 17);
        assert_eq!(process.stalled_ms(5_000, 8_000), 0);
    }
}
