//! A cluster with its applications under load, and the faults that are done to it.
//!
//! Here is how all of it starts and recovers; it never judges what was written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::deaths::{Death, Deaths, Who};
use super::load::Orders;
use super::record::{Class, End};
use super::tables::{self, Contents};
use super::work::Attempt;
use crate::app::AppProcess;
use crate::cluster::{Cluster, ClusterError, Lease};
use crate::contract::{NodeSettings, Site};
use crate::proxy::Proxy;
use crate::wait::{self, PATIENCE};

/// The database of all nodes.
pub const DATABASE: &str = "app.db";

/// How many nodes there are.
pub const NODES: usize = 3;

/// The deadline of calls that cannot name one, in milliseconds.
const TIMEOUT_MS: u64 = 1_500;

/// How long after a fault is over every node has to write again. A silence lasts as long again for
/// TCP, a lost lease takes twice its time to live, and LiteFS on a replica whose connection was
/// reset at the other end alone notices it by TCP's keep-alive, after up to 30 s.
const RECOVERY: Duration = Duration::from_secs(45);

/// See the [module](self).
pub struct Stage {
    // Dropped in this order: applications end before the LiteFS below them does.
    apps: Vec<AppProcess>,
    pub(super) links: BTreeMap<(usize, usize), Proxy>,
    site: Site,
    /// None: no load.
    orders: Mutex<Option<Orders>>,
    processes: AtomicU32,
    pub(super) deaths: Deaths,
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
    /// Starts everything but a load: a cluster with this lease, an application on each node, and the
    /// tables. `adjust` may change an application's settings.
    ///
    /// # Errors
    /// When something does not start.
    ///
    /// # Panics
    /// When LiteFS does not start.
    pub fn set(
        binary: &str,
        lease: impl Into<Lease>,
        adjust: impl Fn(&mut NodeSettings),
    ) -> Result<Self, Failure> {
        let mut stage = Self {
            apps: Vec::new(),
            links: BTreeMap::new(),
            site: Site::start_with(NODES, lease, binary),
            orders: Mutex::default(),
            processes: AtomicU32::new(0),
            deaths: Deaths::default(),
        };
        for node in 0..NODES {
            let mut settings = stage.site.settings(node);
            settings.timeout_ms = TIMEOUT_MS;
            settings.all_nodes = true;
            for other in (0..NODES).filter(|&other| other != node) {
                let link = stage.site.link(node, other);
                settings.peers.insert(stage.site.cluster.hostname(other), link.address());
                stage.links.insert((node, other), link);
            }
            adjust(&mut settings);
            stage.apps.push(stage.site.app(settings)?);
        }
        // Not before all are there: a primary that needs a majority does not write alone.
        wait::until(PATIENCE, || stage.apps[0].call::<usize>("execute", tables::CREATE[0]))?;
        for statement in &tables::CREATE[1..] {
            stage.apps[0].call::<usize>("execute", statement)?;
        }
        Ok(stage)
    }

    /// Starts the load of all applications, and from now on that of each that is started again.
    ///
    /// # Errors
    /// When an application does not start it.
    pub fn start_load(&self, orders: Orders) -> Result<(), Failure> {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = Some(orders);
        (0..NODES).try_for_each(|node| self.load(node))
    }

    /// The link over which the application of a node reaches that of another.
    ///
    /// # Panics
    /// When they are the same.
    #[must_use]
    pub fn link(&self, from: usize, to: usize) -> &Proxy {
        &self.links[&(from, to)]
    }

    /// One call of an application; recorded only by its answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn call(&self, node: usize, attempt: &Attempt) -> Result<End, Failure> {
        Ok(self.apps[node].call("faults_call", attempt)?)
    }

    /// The tags of all rows in a node's file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn tags(&self, node: usize) -> Result<Vec<i64>, Failure> {
        let contents = Contents::read(&self.site.database(node, DATABASE));
        let entries = contents.map_err(|error| error.to_string())?.entries;
        Ok(entries.into_iter().map(|entry| entry.tag).collect())
    }

    /// The files and addresses below.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
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

    /// All that ended by itself, and was started again.
    #[must_use]
    pub fn deaths(&self) -> Vec<Death> {
        self.deaths.all()
    }

    /// How often an application was ended by LiteFS (SIGBUS) and was started again.
    #[must_use]
    pub fn bus_errors(&self) -> usize {
        self.deaths().iter().filter(|death| death.who == Who::App).count()
    }

    fn load(&self, node: usize) -> Result<(), Failure> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(orders) = orders else { return Ok(()) };
        let process = self.processes.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(self.apps[node].call("faults_load", Orders { process, ..orders })?)
    }

    /// Starts a node's LiteFS that has ended, however it did.
    ///
    /// # Errors
    /// As [`Cluster::start_litefs`].
    pub fn start_litefs(&self, node: usize) -> Result<(), ClusterError> {
        self.deaths.shaken(node);
        if let Some(how) = self.cluster().ended(node) {
            self.deaths.add(Who::Litefs, node, how);
        }
        self.cluster().unmount(node)?;
        self.cluster().start_litefs(node)
    }

    /// Starts an application that has ended, and its load. While there is no leader it may not
    /// start at once: whoever supervises it tries again.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_app(&self, node: usize) -> Result<(), Failure> {
        wait::until(PATIENCE, || -> Result<(), Failure> {
            // It cannot start over a LiteFS that has ended.
            self.revive()?;
            Ok(self.apps[node].start_again()?)
        })?;
        self.load(node)
    }

    /// Waits until every application writes again. Nothing is started that has not ended by itself.
    ///
    /// # Errors
    /// When one does not within 45 s; with what its last write ended with.
    pub fn recover(&self) -> Result<Recovered, Failure> {
        let begun = Instant::now();
        let mut recovered = Recovered::default();
        for (node, app) in self.apps.iter().enumerate() {
            let writes = || -> Result<(), Failure> {
                self.revive()?;
                // Of all nodes: this one does not write while the primary's application is gone.
                (0..NODES).try_for_each(|node| self.supervise(node))?;
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

    /// LiteFS may cut off what SQLite has mapped of `-shm` (fault 18), or die while it is used (fault 19): that
    /// ends an application by SIGBUS, and it is started again, as its supervisor would. It may come to no other
    /// end by itself.
    ///
    /// # Errors
    /// When it came to another end, or does not start.
    fn supervise(&self, node: usize) -> Result<(), Failure> {
        match self.apps[node].ended() {
            None => Ok(()),
            Some(how) => {
                self.deaths.add(Who::App, node, how);
                match self.deaths().last().filter(|death| !death.is_known()) {
                    Some(death) => Err(death.to_string().into()),
                    None => self.start_app(node),
                }
            }
        }
    }

    /// LiteFS ends by itself when it finds that it cannot go on: then it is started again, as its
    /// supervisor would.
    ///
    /// # Errors
    /// When it does not start.
    pub fn revive(&self) -> Result<(), ClusterError> {
        let ended = (0..NODES).filter(|&node| self.cluster().has_ended(node));
        ended.collect::<Vec<_>>().into_iter().try_for_each(|node| self.start_litefs(node))
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
