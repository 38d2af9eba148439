//! The lease store: one real Consul agent.
//!
//! A single server that keeps its state on disk, so that "stopped and started" is an outage and
//! not the loss of all leases; Consul's development mode keeps nothing.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::error::ClusterError;
use super::http;
use super::place::Place;
use super::server::Server;
use crate::netns::Namespace;
use crate::port::Port;

/// A running Consul, and the faults it can be put into. All methods block.
pub struct Consul {
    server: Server,
    place: Place,
    /// Its own protocols, which a single server speaks to nobody.
    inner: [Port; 2],
    binary: PathBuf,
    dir: PathBuf,
}

/// Consul refuses sessions below 10 s by default, and waits up to twice the TTL before it ends
/// one: a failover would take 20 s. The multiplier 1 makes its own start an affair of 2 s.
const SETTINGS: &str = "\
session_ttl_min = \"1s\"\n\
performance { raft_multiplier = 1 }\n\
disable_update_check = true\n";

impl Consul {
    /// Starts an agent that keeps its state in `dir`, and waits until it grants sessions.
    pub(super) fn launch(dir: PathBuf, place: Place) -> Result<Self, ClusterError> {
        let binary = super::start::binary("CONSUL_BIN", "consul")?;
        let made = fs::create_dir_all(dir.join("data"))
            .and_then(|()| fs::write(dir.join("consul.hcl"), SETTINGS))
            .and_then(|()| Ok([Port::claim()?, Port::claim()?]));
        let inner =
            made.map_err(|error| ClusterError::new(format!("cannot prepare {}: {error}", dir.display())))?;
        let server = Server::new("Consul", dir.join("consul.log"));
        let consul = Self { server, place, inner, binary, dir };
        consul.start()?;
        Ok(consul)
    }

    /// Starts it again after [`stop`](Self::stop), with what it knew then, and waits until it
    /// grants sessions.
    ///
    /// # Errors
    /// When it runs already or does not get there; with the end of its log.
    pub fn start(&self) -> Result<(), ClusterError> {
        let host = self.place.host();
        let mut command = self.place.command(&self.binary);
        command.args(["agent", "-server", "-bootstrap", "-node", "consul", "-log-level", "warn"]);
        command.args(["-bind", host, "-client", host]);
        command.arg("-data-dir").arg(self.dir.join("data"));
        command.arg("-config-file").arg(self.dir.join("consul.hcl"));
        let [raft, gossip] = self.inner.each_ref().map(Port::number);
        for (name, port) in [("http", self.place.port()), ("server", raft), ("serf-lan", gossip)] {
            command.arg(format!("-{name}-port")).arg(port.to_string());
        }
        for name in ["serf-wan", "grpc", "dns"] {
            command.arg(format!("-{name}-port=-1"));
        }
        self.server.start(command, || self.grants_sessions())
    }

    /// A session belongs to a node, and the agent registers itself as one when it leads.
    fn grants_sessions(&self) -> Result<(), ClusterError> {
        match http::get(&self.place.address(), "/v1/catalog/nodes") {
            Ok(nodes) if nodes.body.contains("\"ID\"") => Ok(()),
            Ok(nodes) => Err(self.server.fail(format!("it does not lead yet: {}", nodes.body))),
            Err(error) => Err(self.server.fail(format!("it does not answer: {error}"))),
        }
    }

    /// Ends it by SIGKILL. Connections to it are refused from then on, and LiteFS loses its
    /// lease; what Consul knew is kept.
    ///
    /// # Errors
    /// When it was not running.
    pub fn stop(&self) -> Result<(), ClusterError> {
        self.server.end(Signal::KILL)
    }

    /// Makes it silent (SIGSTOP): it takes connections and answers none.
    ///
    /// # Errors
    /// When it was not running.
    pub fn pause(&self) -> Result<(), ClusterError> {
        self.server.pause(true)
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// When it was not running.
    pub fn resume(&self) -> Result<(), ClusterError> {
        self.server.pause(false)
    }

    /// Its HTTP API, as `http://<host>:<port>`.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://{}", self.place.address())
    }

    pub(super) fn namespace(&self) -> Option<&Namespace> {
        self.place.namespace()
    }

    /// All that it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Consul {
    fn drop(&mut self) {
        self.server.kill();
    }
}
