//! What this node sees, told to its peers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::litefs::{Litefs, PositionWatch};
use crate::rpc::control::View;

/// How old a position in the view may be. Role changes are told at once.
const REFRESH: Duration = Duration::from_millis(500);

/// A database's name and its position.
pub(super) type Watches = BTreeMap<String, Arc<PositionWatch>>;

/// Keeps the view true until `stop`.
pub(super) async fn keep(
    litefs: Arc<Litefs>,
    watches: Watches,
    view: watch::Sender<View>,
    stop: CancellationToken,
) {
    let mut roles = litefs.roles();
    let mut candidate = None;
    loop {
        if candidate.is_none() {
            candidate = litefs.info().await.ok().map(|info| info.candidate);
        }
        let watches = watches.clone();
        // The positions are files of the mount, which hang when LiteFS does.
        let positions = tokio::task::spawn_blocking(move || {
            let read = |(name, watch): (String, Arc<PositionWatch>)| Some((name, watch.read().ok()??));
            watches.into_iter().filter_map(read).collect::<BTreeMap<_, _>>()
        });
        let positions = tokio::select! {
            () = stop.cancelled() => return,
            positions = positions => positions,
        };
        let Ok(positions) = positions else { return };
        let role = roles.borrow_and_update().clone();
        view.send_if_modified(|view| {
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
