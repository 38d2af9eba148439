//! Whether other nodes have more of a database than this one.

use std::time::Instant;

use super::store::Members;
use crate::config::check::PeerPosition;

impl Members {
    /// Where the nodes that are up have the database of that repo.
    pub(crate) fn positions(&self, repo: &str) -> Vec<PeerPosition> {
        let (state, now) = (self.state.lock(), Instant::now());
        let up = state.others.iter().filter(|(_, other)| other.is_up(now));
        up.map(|(node, other)| PeerPosition {
            node: node.clone(),
            position: other.view.positions.get(repo).map(|place| place.position),
        })
        .collect()
    }

    /// This node is primary now, and its database is at `txid`: says so when another node has more.
    /// LiteFS gives the lease to whoever asks first, and drops what the others had more.
    pub(crate) fn warn_if_behind(&self, repo: &str, txid: u64) {
        let positions = self.positions(repo);
        let ahead = positions.iter().filter_map(|peer| Some((peer, peer.position?.txid)));
        if let Some((peer, theirs)) = ahead.max_by_key(|(_, theirs)| *theirs)
            && theirs > txid
        {
            metrics::counter!("litefs_diesel_primary_behind_total", "repo" => repo.to_owned()).increment(1);
            tracing::warn!(
                repo,
                txid,
                node = peer.node,
                theirs,
                "this node has become primary, and another has more of the database: LiteFS drops that there"
            );
        }
    }
}
