//! How a cluster chooses its primary.

use std::time::Duration;

/// How the primary is chosen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Lease {
    /// Node 0 is the primary for ever, also while it is down.
    Static,
    /// A real Consul of the cluster's own, and failover.
    Consul(ConsulLease),
}

impl Lease {
    /// A Consul lease with the usual times.
    #[must_use]
    pub fn consul() -> Self {
        Self::Consul(ConsulLease::default())
    }

    pub(super) fn in_namespaces(&self) -> bool {
        matches!(self, Self::Consul(ConsulLease { namespaces: true, .. }))
    }

    pub(super) fn through_proxies(&self) -> bool {
        matches!(self, Self::Consul(ConsulLease { proxies: true, .. }))
    }
}

/// The times of a Consul lease, and who may take it.
///
/// ```no_run
/// use litefs_diesel_tests::cluster::{Cluster, ConsulLease};
/// let cluster = Cluster::start_with(3, ConsulLease::default().candidates([0, 1]))?;
/// # Ok::<(), litefs_diesel_tests::cluster::ClusterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConsulLease {
    /// How long the lease lasts without being renewed. LiteFS renews each half of it; Consul ends
    /// it after at most twice this. 2 s: a killed primary is replaced within 5 s.
    pub ttl: Duration,
    /// How long after its end nobody gets it. 1 s, LiteFS's own.
    pub lock_delay: Duration,
    /// The nodes that may become primary; `None`: all.
    pub candidates: Option<Vec<usize>>,
    /// Whether each node, and Consul, is in a network namespace of its own, so that they can be
    /// cut off from each other. Needs root.
    pub namespaces: bool,
    /// Whether the others reach each node's LiteFS through a proxy, to slow its links down. Not
    /// together with namespaces, whose cuts a proxy would go round.
    pub proxies: bool,
}

impl Default for ConsulLease {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(2),
            lock_delay: Duration::from_secs(1),
            candidates: None,
            namespaces: false,
            proxies: false,
        }
    }
}

impl ConsulLease {
    /// Another time to live. Consul takes none below 1 s.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// Another lock delay.
    #[must_use]
    pub fn lock_delay(self, lock_delay: Duration) -> Self {
        Self { lock_delay, ..self }
    }

    /// Lets only these nodes become primary. The first of them is, at the start.
    #[must_use]
    pub fn candidates(self, nodes: impl Into<Vec<usize>>) -> Self {
        Self { candidates: Some(nodes.into()), ..self }
    }

    /// Puts each node, and Consul, in a network namespace of its own.
    #[must_use]
    pub fn in_namespaces(self) -> Self {
        Self { namespaces: true, ..self }
    }

    /// Has the others reach each node's LiteFS through a proxy ([`Cluster::proxy`]).
    ///
    /// [`Cluster::proxy`]: super::Cluster::proxy
    #[must_use]
    pub fn through_proxies(self) -> Self {
        Self { proxies: true, ..self }
    }

    pub(super) fn is_candidate(&self, node: usize) -> bool {
        self.candidates.as_ref().is_none_or(|nodes| nodes.contains(&node))
    }
}

impl From<ConsulLease> for Lease {
    fn from(lease: ConsulLease) -> Self {
        Self::Consul(lease)
    }
}
