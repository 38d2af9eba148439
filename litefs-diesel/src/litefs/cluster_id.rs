//! Which cluster LiteFS belongs to, by its own id.

use std::sync::Arc;

use tokio::sync::watch;

/// LiteFS's `clusterID`, as this node's LiteFS said it last. LiteFS makes it up when a cluster has its first
/// primary, and keeps it in the data directory of each node: a directory that was replaced on a static
/// primary begins another cluster.
#[derive(Clone, Debug)]
pub(crate) struct ClusterId(watch::Receiver<Option<Arc<str>>>);

impl ClusterId {
    /// `None` until LiteFS has said it, and until it has first joined a cluster. Later it may change.
    pub(crate) fn now(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }

    /// Returns once it is another one than `id`.
    pub(crate) async fn no_longer(&self, id: &str) {
        let mut ids = self.0.clone();
        if ids.wait_for(|now| now.as_deref() != Some(id)).await.is_err() {
            // Nobody follows LiteFS any more: it stays as it is.
            std::future::pending().await
        }
    }

    /// One that never changes.
    #[cfg(any(test, feature = "fuzz"))]
    pub(crate) fn fixed(id: Option<&str>) -> Self {
        Self(watch::Sender::new(id.map(Arc::from)).subscribe())
    }

    /// One that changes when the test says so.
    #[cfg(test)]
    pub(crate) fn changing(id: Option<&str>) -> (watch::Sender<Option<Arc<str>>>, Self) {
        let ids = watch::Sender::new(id.map(Arc::from));
        let id = Self(ids.subscribe());
        (ids, id)
    }
}

/// Where it is published.
pub(super) struct ClusterIds(watch::Sender<Option<Arc<str>>>);

impl Default for ClusterIds {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl ClusterIds {
    pub(super) fn subscribe(&self) -> ClusterId {
        ClusterId(self.0.subscribe())
    }

    pub(super) fn is_known(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// LiteFS says this one; empty while it has not joined a cluster.
    pub(super) fn heard(&self, id: &str) {
        self.0.send_if_modified(|known| {
            let changed = known.as_deref().unwrap_or_default() != id;
            if changed {
                if let Some(before) = known {
                    tracing::warn!(%before, now = id, "LiteFS belongs to another cluster than before (`clusterID`)");
                }
                *known = (!id.is_empty()).then(|| id.into());
            }
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_id_is_unknown_until_litefs_has_joined_and_may_change_later() {
        let ids = ClusterIds::default();
        let id = ids.subscribe();
        ids.heard("");
        assert!(id.now().is_none() && !ids.is_known());
        ids.heard("LFSC0000000000000001");
        assert_eq!(id.now().as_deref(), Some("LFSC0000000000000001"));
        ids.heard("LFSC0000000000000002");
        id.no_longer("LFSC0000000000000001").await;
        assert_eq!(id.now().as_deref(), Some("LFSC0000000000000002"));
        ids.heard("");
        assert!(id.now().is_none());
    }
}
