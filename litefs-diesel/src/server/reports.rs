//! What other nodes reported of themselves.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::rpc::control::View;
use crate::rpc::hello::Peer;

/// How many nodes are remembered. A cluster has a few; this bounds what nonsense can cost.
const MAX_NODES: usize = 1024;

/// The latest view of each node that reported one.
#[derive(Default)]
pub(crate) struct Reports {
    nodes: Mutex<HashMap<String, Reported>>,
}

struct Reported {
    process: u128,
    view: View,
}

impl Reports {
    /// What the node of that name sees, if it ever said so.
    #[cfg(test)]
    pub(crate) fn of(&self, node: &str) -> Option<View> {
        self.nodes.lock().get(node).map(|reported| reported.view.clone())
    }

    /// Of all nodes that ever reported, by their names.
    #[cfg(test)]
    pub(crate) fn nodes(&self) -> Vec<(String, View)> {
        self.nodes.lock().iter().map(|(node, reported)| (node.clone(), reported.view.clone())).collect()
    }

    /// Latest wins: an older view of the same process is ignored.
    pub(super) fn note(&self, peer: &Peer, view: View) {
        let mut nodes = self.nodes.lock();
        let known = nodes.get(&peer.node);
        if known.is_none() && nodes.len() >= MAX_NODES {
            tracing::warn!(
                node = peer.node,
                "more than {MAX_NODES} nodes report: this one is not remembered"
            );
            return;
        }
        if known.is_none_or(|known| known.process != peer.process || known.view.version < view.version) {
            nodes.insert(peer.node.clone(), Reported { process: peer.process, view });
        }
    }
}
