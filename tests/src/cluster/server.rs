//! A server process of a cluster, whichever it is: started, ended, paused, and its log.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use super::error::ClusterError;
use crate::process;
use crate::wait::{self, PATIENCE};

pub(super) struct Server {
    /// What errors call it: `node 1`, `Consul`.
    name: String,
    log: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None while stopped.
    child: Option<Child>,
    paused: bool,
}

impl State {
    fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }
}

impl Server {
    /// A server that does not run yet; what it prints goes behind what is in `log`.
    pub(super) fn new(name: impl Into<String>, log: PathBuf) -> Self {
        Self { name: name.into(), log, state: Mutex::default() }
    }

    /// Starts it and waits until it is `ready`.
    pub(super) fn start(
        &self,
        mut command: Command,
        mut ready: impl FnMut() -> Result<(), ClusterError>,
    ) -> Result<(), ClusterError> {
        let mut state = self.state();
        if state.child.is_some() && !state.has_ended() {
            return Err(self.fail("it runs already".into()));
        }
        let spawned = File::options().create(true).append(true).open(&self.log).and_then(|log| {
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
            process::spawn(command)
        });
        let child = spawned.map_err(|error| self.fail(format!("cannot start: {error}")))?;
        *state = State { child: Some(child), paused: false };
        wait::until(PATIENCE, || {
            if let Some(Ok(Some(status))) = state.child.as_mut().map(Child::try_wait) {
                state.child = None;
                return Ok(Err(self.fail(format!("it ended at its start: {status}"))));
            }
            ready().map(Ok)
        })?
    }

    /// Ends it by a signal and waits until it has ended.
    pub(super) fn end(&self, signal: Signal) -> Result<(), ClusterError> {
        let mut state = self.state();
        let Some(child) = &mut state.child else { return Err(self.fail("it does not run".into())) };
        let ended = process::signal(child, signal).and_then(|()| process::wait_exit(child, PATIENCE));
        match ended {
            Ok(Some(_)) => {
                *state = State::default();
                Ok(())
            }
            Ok(None) => Err(self.fail(format!("it did not end by {signal:?}"))),
            Err(error) => Err(self.fail(format!("cannot end it: {error}"))),
        }
    }

    /// Ends it for good, if it runs.
    pub(super) fn kill(&self) {
        if let Some(mut child) = self.state().child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it where it is, or lets it go on; returns when that has taken hold.
    pub(super) fn pause(&self, paused: bool) -> Result<(), ClusterError> {
        let mut state = self.state();
        let Some(child) = &state.child else { return Err(self.fail("it does not run".into())) };
        process::pause(child, paused)
            .map_err(|error| self.fail(format!("cannot pause or resume it: {error}")))?;
        state.paused = paused;
        Ok(())
    }

    /// Whether it was started and is not paused.
    pub(super) fn is_answering(&self) -> bool {
        let state = self.state();
        state.child.is_some() && !state.paused
    }

    /// Whether it was started and has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.state().has_ended()
    }

    /// How it has ended, when it was started and has ended by itself.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        self.state().ended()
    }

    /// All that it has printed.
    pub(super) fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// An error about it, with the end of its log.
    pub(super) fn fail(&self, what: String) -> ClusterError {
        ClusterError::with_log(format!("{}: {what}", self.name), &self.log())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked in here still has to clean up.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
