//! One LiteFS server.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;
use serde::Deserialize;

use super::error::ClusterError;
use super::{http, mounts};
use crate::port::Port;
use crate::process;
use crate::wait::{self, PATIENCE};

/// What `GET /info` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Whether the node holds the lease.
    pub is_primary: bool,
    /// Whether it may.
    pub candidate: bool,
    /// Empty until the node has first joined.
    #[serde(rename = "clusterID", default)]
    pub cluster_id: String,
    /// Who holds the lease.
    pub primary: Primary,
}

/// The holder of the lease, as a node sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Primary {
    /// Empty when there is none.
    pub hostname: String,
}

pub(super) struct LitefsNode {
    pub(super) index: usize,
    pub(super) mount: PathBuf,
    pub(super) data: PathBuf,
    pub(super) port: Port,
    binary: PathBuf,
    dir: PathBuf,
    server: Mutex<Server>,
}

#[derive(Default)]
struct Server {
    /// None while stopped.
    child: Option<Child>,
    paused: bool,
}

impl LitefsNode {
    /// Makes the node's directories and settings; starts nothing.
    pub(super) fn create(
        index: usize,
        binary: &Path,
        dir: PathBuf,
        port: Port,
        settings: &str,
    ) -> Result<Self, ClusterError> {
        let (mount, data) = (dir.join("mnt"), dir.join("data"));
        let made = fs::create_dir_all(&mount)
            .and_then(|()| fs::create_dir_all(&data))
            .and_then(|()| fs::write(dir.join("litefs.yml"), settings));
        made.map_err(|error| ClusterError::new(format!("cannot prepare {}: {error}", dir.display())))?;
        let binary = binary.to_owned();
        Ok(Self { index, mount, data, port, binary, dir, server: Mutex::default() })
    }

    /// Starts the server and waits until it is mounted and answers.
    pub(super) fn start(&self) -> Result<(), ClusterError> {
        let mut server = self.server();
        if server.child.is_some() {
            return Err(self.fail("LiteFS runs already".into()));
        }
        server.child =
            Some(self.spawn().map_err(|error| self.fail(format!("cannot start LiteFS: {error}")))?);
        wait::until(PATIENCE, || {
            if let Some(Ok(Some(status))) = server.child.as_mut().map(Child::try_wait) {
                server.child = None;
                return Ok(Err(self.fail(format!("LiteFS ended at its start: {status}"))));
            }
            if !mounts::is_mounted(&self.mount) {
                return Err(self.fail("LiteFS did not mount".into()));
            }
            self.info().map(|_| Ok(()))
        })?
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let mut command = process::bound_command(&self.binary);
        command.arg("mount").arg("-config").arg(self.dir.join("litefs.yml"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        process::spawn(command)
    }

    /// Waits until the node is primary or replicates from one.
    pub(super) fn wait_ready(&self) -> Result<(), ClusterError> {
        wait::until(PATIENCE, || {
            let info = self.info()?;
            if info.is_primary {
                return Ok(());
            }
            // `.primary` is there while a replica only dials; `.lag` tells when it has had the
            // primary's first word, and says i32::MAX until then.
            let lag = fs::read_to_string(self.mount.join(".lag"))
                .map_err(|error| self.fail(format!("cannot read .lag: {error}")))?;
            if info.primary.hostname.is_empty() || lag.trim() == "+2147483647" {
                return Err(self.fail(format!("no replication: lag {}, {info:?}", lag.trim())));
            }
            Ok(())
        })
    }

    pub(super) fn info(&self) -> Result<Info, ClusterError> {
        let text = http::get(&self.port.address(), "/info");
        let text = text.map_err(|error| self.fail(format!("LiteFS does not answer /info: {error}")))?;
        serde_json::from_str(&text)
            .map_err(|error| self.fail(format!("/info is not as known: {error}: {text}")))
    }

    /// Ends the server by a signal and waits until it has ended.
    pub(super) fn end(&self, signal: Signal) -> Result<(), ClusterError> {
        let mut server = self.server();
        let Some(child) = &mut server.child else {
            return Err(self.fail("LiteFS does not run".into()));
        };
        let ended = process::signal(child, signal).and_then(|()| process::wait_exit(child, PATIENCE));
        match ended {
            Ok(Some(_)) => {
                *server = Server::default();
                Ok(())
            }
            Ok(None) => Err(self.fail(format!("LiteFS did not end by {signal:?}"))),
            Err(error) => Err(self.fail(format!("cannot end LiteFS: {error}"))),
        }
    }

    /// Ends the server for good, if it runs.
    pub(super) fn kill(&self) {
        if let Some(mut child) = self.server().child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(super) fn pause(&self, paused: bool) -> Result<(), ClusterError> {
        let mut server = self.server();
        let Some(child) = &server.child else {
            return Err(self.fail("LiteFS does not run".into()));
        };
        let sent = process::signal(child, if paused { Signal::STOP } else { Signal::CONT });
        sent.map_err(|error| self.fail(format!("cannot pause or resume LiteFS: {error}")))?;
        // A signal is sent before it has taken hold.
        wait::until(PATIENCE, || if process::is_stopped(child) == paused { Ok(()) } else { Err(()) })
            .map_err(|()| self.fail("LiteFS was not paused or resumed".into()))?;
        server.paused = paused;
        Ok(())
    }

    /// Whether using the mount gives an answer.
    pub(super) fn is_answering(&self) -> bool {
        let server = self.server();
        server.child.is_some() && !server.paused
    }

    pub(super) fn log(&self) -> String {
        fs::read(self.log_path())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// An error about this node, with the end of its log.
    pub(super) fn fail(&self, what: String) -> ClusterError {
        ClusterError::with_log(format!("node {}: {what}", self.index), &self.log())
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("litefs.log")
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        // A test that panicked in here still has to clean up.
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
