//! A cluster with its applications under load, and the faults that are done to it.
//!
//! Here is what a fault is in terms of processes and networks, and how all recovers from it; it
//! never looks at what was written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::load::Orders;
use super::record::{Class, End};
use super::schedule::{Cut, Fault, Refused, Step, Whose};
use super::tables::{self, Contents};
use crate::app::AppProcess;
use crate::cluster::{Cluster, ClusterError, ConsulLease, Peer, Traffic, is_mounted};
use crate::contract::{NodeSettings, Site};
use crate::proxy::{Link, Proxy};
use crate::wait::{self, PATIENCE};

/// The database of all nodes.
pub const DATABASE: &str = "app.db";

/// How many nodes there are.
pub const NODES: usize = 3;

/// The deadline of calls that cannot name one, in milliseconds.
const TIMEOUT_MS: u64 = 1_500;

/// How long after a fault is over every node has to write again. A silence that was cut through
/// TCP lasts as long again, and a lost lease takes twice its time to live.
const RECOVERY: Duration = Duration::from_secs(30);

/// See the [module](self).
pub struct Stage {
    // Dropped in this order: applications end before the LiteFS below them does.
    apps: Vec<AppProcess>,
    links: Vec<Proxy>,
    site: Site,
    orders: Orders,
    processes: AtomicU32,
    litefs_ended: AtomicUsize,
}

/// How all recovered from a fault.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// How long that took.
    pub took: Duration,
    /// The last write that failed meanwhile.
    pub last: String,
}

impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all write again after {} ms", self.took.as_millis())?;
        if self.last.is_empty() { Ok(()) } else { write!(f, "; last failed: {}", self.last) }
    }
}

/// What went wrong on the stage itself, in words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Stage {
    /// Starts everything, in network namespaces, and the load. Records go to a folder.
    ///
    /// # Errors
    /// When something does not start.
    ///
    /// # Panics
    /// When LiteFS does not start.
    pub fn set(binary: &str, records: &Path, orders: Orders, resubmit: bool) -> Result<Self, Failure> {
        let site = Site::start_with(NODES, ConsulLease::default().in_namespaces(), binary);
        let mut stage = Self {
            apps: Vec::new(),
            links: Vec::new(),
            site,
            orders,
            processes: AtomicU32::new(0),
            litefs_ended: AtomicUsize::new(0),
        };
        for node in 0..NODES {
            let mut settings = NodeSettings {
                timeout_ms: TIMEOUT_MS,
                record: Some(records.to_owned()),
                resubmit,
                log: Some("warn".to_owned()),
                ..stage.site.settings(node)
            };
            for other in (0..NODES).filter(|&other| other != node) {
                let link = stage.site.link(node, other);
                settings.peers.insert(stage.site.cluster.hostname(other), link.address());
                stage.links.push(link);
            }
            stage.apps.push(stage.site.app(settings)?);
            if node == 0 {
                for statement in tables::CREATE {
                    stage.apps[0].call::<usize>("execute", statement)?;
                }
            }
        }
        for node in 0..NODES {
            stage.load(node)?;
        }
        Ok(stage)
    }

    /// The LiteFS below.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.site.cluster
    }

    /// The applications.
    #[must_use]
    pub fn apps(&self) -> &[AppProcess] {
        &self.apps
    }

    /// How often LiteFS ended by itself and was started again.
    #[must_use]
    pub fn litefs_ended(&self) -> usize {
        self.litefs_ended.load(Ordering::Relaxed)
    }

    fn load(&self, node: usize) -> Result<(), Failure> {
        let process = self.processes.fetch_add(1, Ordering::Relaxed) + 1;
        let orders = Orders { process, ..self.orders.clone() };
        Ok(self.apps[node].call("faults_load", orders)?)
    }

    /// Does what a step says, and undoes it. Returns whose it was.
    ///
    /// # Errors
    /// When it could not be done or undone.
    pub fn play(&self, step: &Step) -> Result<String, Failure> {
        let primary = self.cluster().wait_primary(PATIENCE)?;
        let others: Vec<_> = (0..NODES).filter(|&node| node != primary).collect();
        let replica = others[step.choice as usize % others.len()];
        let node = |whose| if whose == Whose::Primary { primary } else { replica };
        let last = || std::thread::sleep(step.lasts);
        let cluster = &self.site.cluster;
        Ok(match step.fault {
            Fault::HandOff => match cluster.promote(replica) {
                Ok(()) => format!("from {primary} to {replica}"),
                // LiteFS gives up by itself when the two do not agree in time.
                Err(error) => format!("from {primary} to {replica}, refused: {error}"),
            },
            Fault::KillLitefs(whose) => {
                cluster.kill_litefs(node(whose))?;
                last();
                self.start_litefs(node(whose))?;
                node(whose).to_string()
            }
            Fault::StopLitefs(whose) => {
                cluster.stop_litefs(node(whose))?;
                last();
                self.start_litefs(node(whose))?;
                node(whose).to_string()
            }
            Fault::PauseLitefs(whose) => {
                cluster.pause(node(whose))?;
                last();
                cluster.resume(node(whose))?;
                node(whose).to_string()
            }
            Fault::KillApp(whose) | Fault::StopApp(whose) => {
                let app = &self.apps[node(whose)];
                if matches!(step.fault, Fault::KillApp(_)) {
                    app.kill()?
                } else {
                    app.stop()?
                };
                last();
                self.start_app(node(whose))?;
                node(whose).to_string()
            }
            Fault::PauseApp(whose) => {
                let app = &self.apps[node(whose)];
                app.pause()?;
                last();
                app.resume()?;
                node(whose).to_string()
            }
            Fault::StopConsul => {
                cluster.consul().stop()?;
                last();
                cluster.consul().start()?;
                String::new()
            }
            Fault::PauseConsul => {
                cluster.consul().pause()?;
                last();
                cluster.consul().resume()?;
                String::new()
            }
            Fault::SilenceConsul => {
                cluster.silence_consul()?;
                last();
                cluster.heal()?;
                String::new()
            }
            Fault::Cut(whose, cut, refused) => {
                let (from, traffic) = match cut {
                    Cut::Off => (Peer::All, Traffic::Any),
                    Cut::Nodes => (Peer::Nodes, Traffic::Any),
                    Cut::Apps => (Peer::Nodes, Traffic::Application),
                    Cut::Litefs => (Peer::Nodes, Traffic::Litefs),
                };
                cluster.partition(node(whose), from, traffic, refused.how())?;
                last();
                cluster.heal()?;
                node(whose).to_string()
            }
            Fault::TwoPrimaries => {
                // The replicas look for another only when they hear that this one is gone.
                cluster.partition(primary, Peer::Consul, Traffic::Any, Refused::Silently.how())?;
                cluster.partition(primary, Peer::Nodes, Traffic::Litefs, Refused::Loudly.how())?;
                let two = wait::until(Duration::from_secs(12), || match cluster.primaries()[..] {
                    [_, _] => Ok(()),
                    _ => Err(()),
                });
                last();
                cluster.heal()?;
                format!("{primary} and {}", if two.is_ok() { "another" } else { "no other" })
            }
            Fault::SlowLinks => {
                let slow = Link {
                    delay: Duration::from_millis(40),
                    bytes_per_second: Some(100_000),
                    loss: Some(50),
                    ..Link::default()
                };
                self.links.iter().for_each(|link| link.set(slow));
                last();
                self.links.iter().for_each(|link| link.set(Link::default()));
                String::new()
            }
            Fault::BusyReaders => {
                let millis = step.lasts.as_millis() as u64;
                let patience = step.lasts + PATIENCE;
                std::thread::scope(|scope| {
                    let reading = others.iter().map(|&node| {
                        let app = &self.apps[node];
                        scope.spawn(move || app.call_within::<u64>(patience, "faults_readers", (5, millis)))
                    });
                    let reading: Vec<_> = reading.collect();
                    let reads = reading.into_iter().map(|reads| reads.join().expect("it does not panic"));
                    reads.collect::<Result<Vec<_>, _>>()
                })
                .map(|reads| format!("{reads:?} reads"))?
            }
        })
    }

    fn start_litefs(&self, node: usize) -> Result<(), ClusterError> {
        if is_mounted(self.cluster().mount(node)) {
            self.cluster().unmount(node)?;
        }
        self.cluster().start_litefs(node)
    }

    /// Starts an application that has ended, and its load. While there is no leader it may not
    /// start at once: whoever supervises it tries again.
    fn start_app(&self, node: usize) -> Result<(), Failure> {
        wait::until(PATIENCE, || self.apps[node].start_again())?;
        self.load(node)
    }

    /// Waits until every application writes again. Nothing is started that has not ended by itself.
    ///
    /// # Errors
    /// When one does not within 30 s; with what its last write ended with.
    pub fn recover(&self) -> Result<Recovered, Failure> {
        let begun = Instant::now();
        let mut recovered = Recovered::default();
        for (node, app) in self.apps.iter().enumerate() {
            let writes = || -> Result<(), Failure> {
                self.revive()?;
                let end: End = app.call("faults_probe", 1_000)?;
                if end.class == Class::Value {
                    return Ok(());
                }
                let positions =
                    [0, 1, 2].map(|node| self.cluster().position(node, DATABASE).unwrap_or_default());
                let why = end.detail.unwrap_or_default();
                recovered.last = format!("node {node}: {:?}: {why}; positions {positions:?}", end.class);
                Err(recovered.last.clone().into())
            };
            wait::until(RECOVERY.saturating_sub(begun.elapsed()), writes)
                .map_err(|error| format!("it does not write again: {error}"))?;
        }
        recovered.took = begun.elapsed();
        Ok(recovered)
    }

    /// LiteFS ends by itself when it finds that it cannot go on: then it is started again, as its
    /// supervisor would.
    fn revive(&self) -> Result<(), ClusterError> {
        for node in (0..NODES).filter(|&node| self.cluster().has_ended(node)) {
            self.litefs_ended.fetch_add(1, Ordering::Relaxed);
            self.start_litefs(node)?;
        }
        Ok(())
    }

    /// What each node's file has.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn contents(&self) -> Result<BTreeMap<String, Contents>, Failure> {
        let read = |node| {
            let contents = Contents::read(&self.site.database(node, DATABASE));
            Ok((self.cluster().hostname(node), contents.map_err(|error| error.to_string())?))
        };
        (0..NODES).map(read).collect()
    }

    /// Ends the load, and returns when its last call has ended.
    ///
    /// # Errors
    /// When an application does not end its load.
    pub fn stop_load(&self) -> Result<(), Failure> {
        for app in &self.apps {
            app.call::<usize>("faults_stop", ())?;
        }
        Ok(())
    }
}
