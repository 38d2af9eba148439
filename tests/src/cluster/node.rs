//! One LiteFS server.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::ClusterError;
use super::place::Place;
use super::server::Server;
use super::{http, mounts};
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
    pub(super) place: Place,
    pub(super) server: Server,
    binary: PathBuf,
    dir: PathBuf,
}

impl LitefsNode {
    /// Makes the node's directories and settings; starts nothing.
    pub(super) fn create(
        index: usize,
        binary: &Path,
        dir: PathBuf,
        place: Place,
        settings: &str,
    ) -> Result<Self, ClusterError> {
        let (mount, data) = (dir.join("mnt"), dir.join("data"));
        let made = fs::create_dir_all(&mount)
            .and_then(|()| fs::create_dir_all(&data))
            .and_then(|()| fs::write(dir.join("litefs.yml"), settings));
        made.map_err(|error| ClusterError::new(format!("cannot prepare {}: {error}", dir.display())))?;
        let server = Server::new(format!("LiteFS of node {index}"), dir.join("litefs.log"));
        Ok(Self { index, mount, data, place, server, binary: binary.to_owned(), dir })
    }

    /// Starts the server and waits until it is mounted and answers.
    pub(super) fn start(&self) -> Result<(), ClusterError> {
        let mut command = self.place.command(&self.binary);
        command.arg("mount").arg("-config").arg(self.settings());
        self.server.start(command, || {
            if mounts::is_mounted(&self.mount) {
                self.info().map(drop)
            } else {
                Err(self.fail("it did not mount".into()))
            }
        })
    }

    /// LiteFS's own settings file.
    pub(super) fn settings(&self) -> PathBuf {
        self.dir.join("litefs.yml")
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
        let text = self.get_info()?.body;
        serde_json::from_str(&text)
            .map_err(|error| self.fail(format!("/info is not as known: {error}: {text}")))
    }

    /// What LiteFS calls this node where a hand-off names it: no path says it, each answer does.
    pub(super) fn id(&self) -> Result<String, ClusterError> {
        let answer = self.get_info()?;
        let id = answer.header("Litefs-Id").map(ToOwned::to_owned);
        id.ok_or_else(|| self.fail("its answers do not bear its id".into()))
    }

    /// Tells LiteFS to do something.
    pub(super) fn post(&self, path: &str) -> Result<(), ClusterError> {
        let answer = http::post(&self.place.address(), path);
        answer.map(drop).map_err(|error| self.fail(format!("it refused: {error}")))
    }

    fn get_info(&self) -> Result<http::Answer, ClusterError> {
        http::get(&self.place.address(), "/info")
            .map_err(|error| self.fail(format!("it does not answer /info: {error}")))
    }

    /// An error about this node, with the end of its log.
    pub(super) fn fail(&self, what: String) -> ClusterError {
        self.server.fail(what)
    }
}
