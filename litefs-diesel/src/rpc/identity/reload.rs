//! Following the files of an identity.

use std::sync::Arc;
use std::time::Duration;

use super::files::LoadError;
use super::trust::Trust;

/// Looks at the files for ever.
pub(super) async fn keep(trust: Arc<Trust>, every: Duration) {
    let mut follower = Follower::new(trust);
    loop {
        tokio::time::sleep(every).await;
        follower.look().await;
    }
}

/// Takes what is new when two looks after each other saw the same: a file that is being written, or a
/// certificate whose key is yet to come, is not.
pub(super) struct Follower {
    trust: Arc<Trust>,
    /// What is new, as the last look saw it.
    seen: Option<[u8; 32]>,
    /// Why it could not be used, when that was said.
    told: Option<LoadError>,
}

impl Follower {
    pub(super) fn new(trust: Arc<Trust>) -> Self {
        Self { trust, seen: None, told: None }
    }

    pub(super) async fn look(&mut self) {
        let looking = Arc::clone(&self.trust);
        // It may be a slow disk, and there are few threads for what must not wait.
        let Ok(looked) = tokio::task::spawn_blocking(move || looking.look()).await else { return };
        let taken = match looked {
            Ok(None) => {
                (self.seen, self.told) = (None, None);
                return;
            }
            Ok(Some((material, digest))) if self.seen == Some(digest) => self.trust.take(&material),
            Ok(Some((_, digest))) => {
                self.seen = Some(digest);
                return;
            }
            Err(error) => Err(error),
        };
        match taken {
            Ok(()) => tracing::info!("the identity has changed, and the new one is in use"),
            Err(error) if self.told.as_ref() != Some(&error) => {
                tracing::warn!(%error, "the identity has changed and cannot be used; the one before stays");
                self.told = Some(error);
            }
            Err(_) => {}
        }
    }
}
