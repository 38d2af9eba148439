//! Who is primary, moving that, and waiting for the cluster to agree.

use std::time::Duration;

use super::node::LitefsNode;
use super::{Cluster, ClusterError};
use crate::wait::{self, PATIENCE};

impl Cluster {
    /// How long LiteFS may take to hand its lease over: it gives up after 5 s at each of two places.
    const HAND_OFF: Duration = Duration::from_secs(12);

    /// The nodes that say that they are primary; those that are down or paused say nothing. There
    /// may be none, and LiteFS can have two.
    #[must_use]
    pub fn primaries(&self) -> Vec<usize> {
        let says_so =
            |node: &&LitefsNode| node.server.is_answering() && node.info().is_ok_and(|info| info.is_primary);
        self.nodes.iter().filter(says_so).map(|node| node.index).collect()
    }

    /// The one node that says that it is primary; `None` when none does, or two do.
    #[must_use]
    pub fn primary(&self) -> Option<usize> {
        match self.primaries()[..] {
            [node] => Some(node),
            _ => None,
        }
    }

    /// Waits until exactly one node is primary.
    ///
    /// # Errors
    /// When that does not come within `patience`; with the end of a log.
    pub fn wait_primary(&self, patience: Duration) -> Result<usize, ClusterError> {
        self.wait_primary_that(patience, |_| true)
    }

    /// Waits until exactly one node is primary, and it is not `node`.
    ///
    /// # Errors
    /// As [`Cluster::wait_primary`].
    pub fn wait_primary_other_than(&self, node: usize, patience: Duration) -> Result<usize, ClusterError> {
        self.wait_primary_that(patience, |primary| primary != node)
    }

    /// Waits until a node and one other are primary, and returns the other.
    ///
    /// # Errors
    /// As [`Cluster::wait_primary`].
    pub fn wait_primary_beside(&self, node: usize, patience: Duration) -> Result<usize, ClusterError> {
        wait::until(patience, || match self.primaries()[..] {
            [other, first] | [first, other] if first == node => Ok(other),
            ref nodes => Err(self.nodes[node].fail(format!("the primaries are {nodes:?}"))),
        })
    }

    fn wait_primary_that(
        &self,
        patience: Duration,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<usize, ClusterError> {
        wait::until(patience, || match self.primaries()[..] {
            [node] if wanted(node) => Ok(node),
            ref nodes => Err(self.nodes[0].fail(format!("the primaries are {nodes:?}"))),
        })
    }

    /// Has the present primary hand its lease to a node (`POST /promote` there), and waits until
    /// that is primary. Nothing happens when it is already.
    ///
    /// # Errors
    /// When LiteFS refuses (no primary is known, no candidate, not connected), or the lease does
    /// not come: the primary may go on as before when the hand-off fails late.
    pub fn promote(&self, node: usize) -> Result<(), ClusterError> {
        self.nodes[node].post("/promote")?;
        self.wait_handed_to(node)
    }

    /// The same, asked of the primary itself (`POST /handoff`).
    ///
    /// # Errors
    /// As [`Cluster::promote`]; and when `primary` is not.
    pub fn hand_off(&self, primary: usize, to: usize) -> Result<(), ClusterError> {
        let id = self.nodes[to].id()?;
        self.nodes[primary].post(&format!("/handoff?nodeID={id}"))?;
        self.wait_handed_to(to)
    }

    fn wait_handed_to(&self, node: usize) -> Result<(), ClusterError> {
        self.wait_primary_that(Self::HAND_OFF, |primary| primary == node).map(drop)
    }

    /// Waits until every running node that is not paused has node `source`'s position of a
    /// database, and returns it.
    ///
    /// # Errors
    /// When they do not within [`PATIENCE`]; with the end of the log of one that lags.
    pub fn wait_replicated(&self, source: usize, database: &str) -> Result<String, ClusterError> {
        wait::until(PATIENCE, || self.same_position(source, database))
    }

    fn same_position(&self, source: usize, database: &str) -> Result<String, ClusterError> {
        let text = |node: &LitefsNode| {
            let position = self.position(node.index, database);
            position.map_err(|error| node.fail(format!("no position of {database}: {error}")))
        };
        let target = text(&self.nodes[source])?;
        for node in self.nodes.iter().filter(|node| node.server.is_answering()) {
            let have = text(node)?;
            if have != target {
                return Err(node.fail(format!("{database} is at {have} and not at {target}")));
            }
        }
        Ok(target)
    }

    /// Waits until exactly one node is primary, all that answer replicate from it, and have its
    /// position of a database; returns the primary and that position. For after a fault.
    ///
    /// # Errors
    /// When they do not within `patience`.
    pub fn wait_settled(&self, database: &str, patience: Duration) -> Result<(usize, String), ClusterError> {
        wait::until(patience, || {
            let primary = self.wait_primary(Duration::ZERO)?;
            for node in self.nodes.iter().filter(|node| node.server.is_answering()) {
                let info = node.info()?;
                if !info.is_primary && info.primary.hostname != self.hostname(primary) {
                    return Err(node.fail(format!("it does not follow node {primary}: {info:?}")));
                }
            }
            Ok((primary, self.same_position(primary, database)?))
        })
    }
}
