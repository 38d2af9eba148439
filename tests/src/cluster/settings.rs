//! LiteFS's own settings file.

use std::path::Path;

use super::lease::Lease;

/// What a node calls itself. Not a name that resolves: LiteFS takes any text.
pub(super) fn hostname(node: usize) -> String {
    format!("node-{node}")
}

/// What the settings of a cluster's nodes have in common.
pub(super) struct Shared {
    pub(super) lease: Lease,
    /// Where each node listens.
    pub(super) addresses: Vec<String>,
    /// Where the others find each node.
    pub(super) advertised: Vec<String>,
    /// With a Consul lease, its URL.
    pub(super) consul: Option<String>,
}

/// How long a node waits before it looks for a primary again, and takes the lease if there is none.
const RECONNECT_DELAY: &str = "200ms";

impl Shared {
    /// The node that is to be primary at the start.
    pub(super) fn first_primary(&self) -> usize {
        match &self.lease {
            Lease::Static => 0,
            Lease::Consul(lease) => (0..self.addresses.len()).find(|&i| lease.is_candidate(i)).unwrap_or(0),
        }
    }

    /// The settings of node `index`, whose directory is `dir`.
    pub(super) fn yaml(&self, index: usize, dir: &Path) -> String {
        // skip-sync: else LiteFS takes no signal until it has found a primary.
        format!(
            "fuse: {{dir: \"{dir}/mnt\"}}\ndata: {{dir: \"{dir}/data\"}}\nhttp: {{addr: \"{address}\"}}\n\
             skip-sync: true\nlease:\n  reconnect-delay: {RECONNECT_DELAY}\n{lease}\n",
            dir = dir.display(),
            address = self.addresses[index],
            lease = self.lease(index),
        )
    }

    fn lease(&self, index: usize) -> String {
        let (named, candidate) = match &self.lease {
            // A replica gives the primary's name and address, and is told that it is no candidate.
            Lease::Static => (0, index == 0),
            Lease::Consul(lease) => (index, lease.is_candidate(index)),
        };
        let mut yaml = format!(
            "  hostname: {}\n  advertise-url: \"http://{}\"\n  candidate: {candidate}\n",
            hostname(named),
            self.advertised[named],
        );
        match (&self.lease, &self.consul) {
            (Lease::Consul(lease), Some(url)) => yaml.push_str(&format!(
                "  type: consul\n  consul: {{url: \"{url}\", key: litefs/primary, ttl: {}ms, lock-delay: {}ms}}",
                lease.ttl.as_millis(),
                lease.lock_delay.as_millis(),
            )),
            _ => yaml.push_str("  type: static"),
        }
        yaml
    }
}
