//! The side of the test.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::protocol::{Outcome, READY, Request, Response};
use crate::process;
use crate::wait::PATIENCE;

/// What to start.
#[derive(Clone, Debug)]
pub struct AppSpec {
    /// The program: `env!("CARGO_BIN_EXE_app_node")` in an integration test.
    pub binary: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables beside those of the test process.
    pub envs: Vec<(String, OsString)>,
    /// The file to which its standard error goes, behind what is there.
    pub log: PathBuf,
}

/// A running application node. Dropping it kills it, and so does the end of the test process.
pub struct AppProcess {
    spec: AppSpec,
    /// None while stopped.
    running: Mutex<Option<Running>>,
}

struct Running {
    child: Child,
    stdin: ChildStdin,
    next_id: u64,
    waiting: Arc<Mutex<Waiting>>,
}

/// Who waits for which answer; None once the application has closed its output.
type Waiting = Option<HashMap<u64, SyncSender<Outcome>>>;

/// Why a call gave no value.
pub enum AppError {
    /// The application answered with this error.
    Refused(Value),
    /// It did not answer in time. It may yet do what it was asked.
    Deadline(String),
    /// It is not running, or ended before it answered; with the end of its log.
    Gone(String),
}

impl AppProcess {
    /// Starts it, and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends, refuses, or takes longer than [`PATIENCE`].
    pub fn start(spec: AppSpec) -> Result<Self, AppError> {
        let app = Self { spec, running: Mutex::default() };
        app.start_again()?;
        Ok(app)
    }

    /// Asks it with a deadline of [`PATIENCE`], and blocks for the answer. Several threads may ask
    /// at once; the application answers each when it is done with it.
    ///
    /// # Errors
    /// See [`AppError`].
    pub fn call<T: DeserializeOwned>(&self, cmd: &str, args: impl Serialize) -> Result<T, AppError> {
        self.call_within(PATIENCE, cmd, args)
    }

    /// The same with a deadline of one's own.
    ///
    /// # Errors
    /// See [`AppError`].
    pub fn call_within<T: DeserializeOwned>(
        &self,
        patience: Duration,
        cmd: &str,
        args: impl Serialize,
    ) -> Result<T, AppError> {
        let args = serde_json::to_value(args).map_err(|error| AppError::Refused(error.to_string().into()))?;
        let answer = self.send(cmd, args)?;
        let value = self.receive(&answer, cmd, patience)?;
        serde_json::from_value(value)
            .map_err(|error| AppError::Refused(format!("{cmd} gave something else: {error}").into()))
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(|running| running.child.id())
    }

    /// Ends it by SIGKILL.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&self) -> Result<(), AppError> {
        self.end(Signal::KILL)
    }

    /// Ends it by SIGTERM, and waits until it has shut down.
    ///
    /// # Errors
    /// When it is not running, or does not end within [`PATIENCE`].
    pub fn stop(&self) -> Result<(), AppError> {
        self.end(Signal::TERM)
    }

    /// How it ended, when it has ended by itself.
    #[must_use]
    pub fn ended(&self) -> Option<ExitStatus> {
        self.running().as_mut()?.child.try_wait().ok().flatten()
    }

    /// Stops it where it is (SIGSTOP), as a stalled machine would.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self) -> Result<(), AppError> {
        self.set_paused(true)
    }

    /// Lets a paused one go on (SIGCONT).
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self) -> Result<(), AppError> {
        self.set_paused(false)
    }

    /// Starts it again after [`kill`](Self::kill) or [`stop`](Self::stop), or when it has ended by itself.
    ///
    /// # Errors
    /// As [`AppProcess::start`].
    pub fn start_again(&self) -> Result<(), AppError> {
        let answer = {
            let mut running = self.running();
            if running.as_mut().is_some_and(|app| !matches!(app.child.try_wait(), Ok(Some(_)))) {
                return Err(AppError::Refused("it runs already".into()));
            }
            let (started, answer) =
                self.spawn().map_err(|error| self.gone(&format!("cannot start: {error}")))?;
            *running = Some(started);
            answer
        };
        self.receive(&answer, "start", PATIENCE).map(drop).inspect_err(|_| drop(self.kill()))
    }

    /// Stops it (SIGTERM) and starts it again.
    ///
    /// # Errors
    /// As [`stop`](Self::stop) and [`start`](Self::start).
    pub fn restart(&self) -> Result<(), AppError> {
        self.stop()?;
        self.start_again()
    }

    /// All it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.spec.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn spawn(&self) -> io::Result<(Running, Receiver<Outcome>)> {
        let log = File::options().create(true).append(true).open(&self.spec.log)?;
        let mut command = process::bound_command(&self.spec.binary);
        command.args(&self.spec.args).envs(self.spec.envs.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = process::spawn(command)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let (sender, answer) = sync_channel(1);
        let waiting = Arc::new(Mutex::new(Some(HashMap::from([(READY, sender)]))));
        let readers = waiting.clone();
        // Ends with the application's output.
        std::thread::spawn(move || read_answers(stdout, &readers));
        Ok((Running { child, stdin, next_id: READY + 1, waiting }, answer))
    }

    fn send(&self, cmd: &str, args: Value) -> Result<Receiver<Outcome>, AppError> {
        let mut running = self.running();
        let Some(app) = running.as_mut() else { return Err(self.gone("it does not run")) };
        let (sender, answer) = sync_channel(1);
        match lock(&app.waiting).as_mut() {
            Some(waiting) => waiting.insert(app.next_id, sender),
            None => return Err(self.gone("it has ended")),
        };
        let request = Request { id: app.next_id, cmd: cmd.to_owned(), args };
        app.next_id += 1;
        let line = serde_json::to_string(&request).map_err(|error| self.gone(&error.to_string()))?;
        writeln!(app.stdin, "{line}").map_err(|error| self.gone(&format!("it takes nothing: {error}")))?;
        Ok(answer)
    }

    fn receive(&self, answer: &Receiver<Outcome>, cmd: &str, patience: Duration) -> Result<Value, AppError> {
        match answer.recv_timeout(patience) {
            Ok(Outcome::Ok(value)) => Ok(value),
            Ok(Outcome::Err(error)) => Err(AppError::Refused(error)),
            Err(RecvTimeoutError::Timeout) => {
                Err(AppError::Deadline(format!("{cmd} was not answered within {patience:?}")))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(self.gone(&format!("it ended before it answered {cmd}")))
            }
        }
    }

    fn end(&self, signal: Signal) -> Result<(), AppError> {
        let mut running = self.running();
        let Some(app) = running.as_mut() else { return Err(self.gone("it does not run")) };
        let ended =
            process::signal(&app.child, signal).and_then(|()| process::wait_exit(&mut app.child, PATIENCE));
        match ended {
            Ok(Some(_)) => {
                *running = None;
                Ok(())
            }
            Ok(None) => Err(AppError::Deadline(format!("it did not end by {signal:?} within {PATIENCE:?}"))),
            Err(error) => Err(self.gone(&error.to_string())),
        }
    }

    fn set_paused(&self, paused: bool) -> Result<(), AppError> {
        match self.running().as_ref() {
            Some(app) => process::pause(&app.child, paused).map_err(|error| self.gone(&error.to_string())),
            None => Err(self.gone("it does not run")),
        }
    }

    fn gone(&self, what: &str) -> AppError {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        AppError::Gone(format!(
            "{what}; its log:\n  | {}",
            lines[lines.len().saturating_sub(25)..].join("\n  | ")
        ))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        lock(&self.running)
    }
}

impl Drop for AppProcess {
    fn drop(&mut self) {
        if let Some(mut app) = self.running().take() {
            let _ = app.child.kill();
            let _ = app.child.wait();
        }
    }
}

fn read_answers(stdout: ChildStdout, waiting: &Mutex<Waiting>) {
    for line in BufReader::new(stdout).lines() {
        // A line that is no answer ends the conversation: whoever waits learns it at once.
        let Ok(Ok(Response { id, result })) = line.map(|line| serde_json::from_str(&line)) else { break };
        if let Some(sender) = lock(waiting).as_mut().and_then(|waiting| waiting.remove(&id)) {
            let _ = sender.send(result);
        }
    }
    *lock(waiting) = None;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test thread that panicked still has to end its application.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the application answered: {error}"),
            Self::Deadline(what) | Self::Gone(what) => write!(f, "the application: {what}"),
        }
    }
}

impl std::fmt::Debug for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for AppError {}
