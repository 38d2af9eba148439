//! Partitions between the nodes of a cluster in namespaces.

use super::{Cluster, ClusterError};
use crate::netns::{How, Namespace};

/// The port of LiteFS in each node's namespace.
pub const LITEFS_PORT: u16 = 20_202;

/// The port for the application in each node's namespace: [`Traffic::Application`].
pub const APPLICATION_PORT: u16 = 7117;

/// Whom a node is cut off from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The lease store.
    Consul,
    /// Another node.
    Node(usize),
    /// Every other node.
    Nodes,
    /// Every other node and the lease store.
    All,
}

/// What does not pass between two nodes. Between a node and Consul, nothing ever does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Nothing passes.
    Any,
    /// LiteFS's connections do not, of either to the other: replication, and hand-offs.
    Litefs,
    /// The application's connections to [`APPLICATION_PORT`] do not, of either to the other.
    Application,
}

impl Traffic {
    fn port(self) -> Option<u16> {
        match self {
            Self::Any => None,
            Self::Litefs => Some(LITEFS_PORT),
            Self::Application => Some(APPLICATION_PORT),
        }
    }
}

impl Cluster {
    /// Cuts a node off, until [`Cluster::heal`]; several cuts add up. The test process reaches
    /// every node all the same. Returns when the cut is in force, which is before anybody notices.
    ///
    /// # Errors
    /// When the cluster is not in namespaces, or `iptables` refuses.
    pub fn partition(&self, node: usize, from: Peer, traffic: Traffic, how: How) -> Result<(), ClusterError> {
        let here = self.namespace(node)?;
        let others = (0..self.len()).filter(|&other| match from {
            Peer::Node(peer) => other == peer,
            Peer::Nodes | Peer::All => other != node,
            Peer::Consul => false,
        });
        let cut = |other: &Namespace, port| {
            here.cut(other, port, how)
                .map_err(|error| self.nodes[node].fail(format!("cannot cut it off: {error}")))
        };
        for other in others {
            cut(self.namespace(other)?, traffic.port())?;
        }
        match from {
            Peer::Consul | Peer::All => match self.consul().namespace() {
                Some(consul) => cut(consul, None),
                None => Ok(()),
            },
            Peer::Node(_) | Peer::Nodes => Ok(()),
        }
    }

    /// Drops all packets between every node and Consul: it is there, and says nothing.
    ///
    /// # Errors
    /// As [`Cluster::partition`].
    pub fn silence_consul(&self) -> Result<(), ClusterError> {
        (0..self.len()).try_for_each(|node| self.partition(node, Peer::Consul, Traffic::Any, How::Drop))
    }

    /// Ends all cuts.
    ///
    /// # Errors
    /// As [`Cluster::partition`].
    pub fn heal(&self) -> Result<(), ClusterError> {
        (0..self.len()).try_for_each(|node| self.heal_node(node))
    }

    /// Ends the cuts that were made for this node; those made for others, from it, stay.
    ///
    /// # Errors
    /// As [`Cluster::partition`].
    pub fn heal_node(&self, node: usize) -> Result<(), ClusterError> {
        let healed = self.namespace(node)?.heal();
        healed.map_err(|error| self.nodes[node].fail(format!("cannot heal it: {error}")))
    }

    fn namespace(&self, node: usize) -> Result<&Namespace, ClusterError> {
        let namespace = self.nodes[node].place.namespace();
        namespace.ok_or_else(|| ClusterError::new("start the cluster in namespaces to partition it".into()))
    }
}
