//! What this node sees, told to its peers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::litefs::{Litefs, PositionWatch};
use crate::rpc::control::View;

/// How old a position in the view may be. Role changes are told at once.
const REFRESH: Duration = Duration::from_millis(500);

/// A database's name and its position.
pub(super) type Watches = BTreeMap<String, Arc<PositionWatch>>;

/// How far this node is behind, as of the last look: at most [`REFRESH`] ago, while LiteFS answers.
pub(super) struct Lag(AtomicU64);

/// In place of milliseconds: not known.
const UNKNOWN: u64 = u64::MAX;

impl Lag {
    /// Nothing is known of a replicated database yet; a node that is alone is never behind.
    pub(super) fn new(replicated: bool) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(if replicated { UNKNOWN } else { 0 })))
    }

    fn set(&self, lag: Option<Duration>) {
        self.0.store(lag.map_or(UNKNOWN, |lag| lag.as_millis() as u64), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<Duration> {
        Some(self.0.load(Ordering::Relaxed)).filter(|lag| *lag != UNKNOWN).map(Duration::from_millis)
    }
}

/// Keeps the view true until `stop`.
pub(super) async fn keep(
    litefs: Arc<Litefs>,
    watches: Watches,
    view: watch::Sender<View>,
    lag: Arc<Lag>,
    stop: CancellationToken,
) {
    let mut roles = litefs.roles();
    let mut candidate = None;
    loop {
        if candidate.is_none() {
            candidate = litefs.info().await.ok().map(|info| info.candidate);
        }
        let (watches, litefs) = (watches.clone(), litefs.clone());
        // The positions are files of the mount, which hang when LiteFS does.
        let positions = tokio::task::spawn_blocking(move || {
            // One that cannot be read just now is not one that is not there: the view stays as it is.
            let read =
                |(name, watch): (String, Arc<PositionWatch>)| Some((name, watch.read().transpose()?.ok()));
            let positions: Option<_> =
                watches.into_iter().filter_map(read).map(|(name, read)| Some((name, read?))).collect();
            (positions, litefs.lag())
        });
        let positions = tokio::select! {
            () = stop.cancelled() => return,
            positions = positions => positions,
        };
        let Ok((positions, now)) = positions else { return };
        lag.set(now);
        let role = roles.borrow_and_update().clone();
        view.send_if_modified(|view| {
            let positions = positions.unwrap_or_else(|| view.positions.clone());
            let next =
                View { version: view.version, role: role.role, epoch: role.epoch, positions, candidate };
            let changed = *view != next;
            if changed {
                *view = View { version: view.version + 1, ..next };
            }
            changed
        });
        tokio::select! {
            () = stop.cancelled() => return,
            changed = roles.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(REFRESH) => {}
        }
    }
}
