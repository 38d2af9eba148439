//! Taking a node down: everything that it opened is closed, or LiteFS could not unmount.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Parts;

/// How long what runs may take to end. Longer than the deadline of most calls; after it the node is
/// down all the same, but a file may still be open.
const PATIENCE: Duration = Duration::from_secs(15);

/// Stops accepting, answers what is running, closes every file and ends the threads.
pub(super) async fn stop(parts: Arc<Parts>) -> Result<(), Duration> {
    match tokio::time::timeout(PATIENCE, in_order(&parts)).await {
        Ok(()) => Ok(()),
        Err(_) => Err(PATIENCE),
    }
}

async fn in_order(parts: &Arc<Parts>) {
    // Other nodes' calls are answered while the writers still run.
    parts.stopping.cancel();
    parts.tasks.wait().await;
    parts.peers.shutdown().await;
    let blocking = parts.clone();
    let closed = tokio::task::spawn_blocking(move || {
        blocking.served.values().for_each(|served| served.stop());
        blocking.litefs.shutdown();
    });
    if closed.await.is_err() {
        tracing::error!("closing the files panicked");
    }
    tracing::info!("stopped");
}
