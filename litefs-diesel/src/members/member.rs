//! One other node, as it was heard last.

use std::time::{Duration, Instant};

use super::FRESH;
use crate::litefs::Role;
use crate::position::Position;
use crate::rpc::control::View;

/// What is known of it.
pub(super) struct Member {
    /// Its process; a new one begins anew with its versions.
    pub(super) process: u128,
    pub(super) view: View,
    /// When its view came last; `None` before the first.
    pub(super) received: Option<Instant>,
    /// Since when it takes its primary for that, on this node's clock.
    pub(super) since: Option<Instant>,
    /// How many connections to and from it there are.
    pub(super) ways: usize,
}

impl Member {
    pub(super) fn new(process: u128) -> Self {
        Self { process, view: View::unknown(), received: None, since: None, ways: 0 }
    }

    /// Takes in what it says. An older view of the same process is ignored; the same one again shows
    /// that it is still true. Returns whether its role is another than before.
    pub(super) fn say(&mut self, process: u128, view: View, now: Instant) -> bool {
        let same = self.process == process;
        if same && self.received.is_some() && view.version < self.view.version {
            return false;
        }
        let same_role = same && self.received.is_some() && self.view.epoch == view.epoch;
        let since = view.age_ms.and_then(|age| now.checked_sub(Duration::from_millis(age)));
        // Each message was under way for some time: the earliest estimate is the nearest.
        self.since = match (same_role, self.since, since) {
            (true, Some(before), Some(since)) => Some(before.min(since)),
            (_, _, since) => since,
        };
        (self.process, self.view, self.received) = (process, view, Some(now));
        !same_role
    }

    /// Whether it is known to be there.
    pub(super) fn is_up(&self, now: Instant) -> bool {
        self.ways > 0 && self.received.is_some_and(|received| now.duration_since(received) <= FRESH)
    }

    /// Whether it is one that nobody counts, and of which nothing is left when it has gone.
    pub(super) fn is_guest(&self) -> bool {
        self.received.is_some() && self.view.is_of_guest()
    }

    /// Which version of `process`'s view, on `node`, it had when it sent its own.
    pub(super) fn heard(&self, node: &str, process: u128) -> Option<u64> {
        self.view.heard.get(node).filter(|heard| heard.process == process).map(|heard| heard.version)
    }

    /// Whether it has `target` of the repo, which `primary` has committed.
    pub(super) fn has(&self, repo: &str, target: Position, primary: &str) -> bool {
        has(&self.view, repo, target, primary)
    }
}

/// Whether the node of that view has `target`, which `primary` has committed: it takes `primary` for
/// that, and is at the very position, or past it on a way that this primary led.
pub(super) fn has(view: &View, repo: &str, target: Position, primary: &str) -> bool {
    let Some(place) = view.positions.get(repo) else { return false };
    let follows = matches!(&view.role, Role::Replica { primary: whose } if whose == primary);
    follows
        && match place.position.txid.cmp(&target.txid) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => place.position.checksum == target.checksum,
            std::cmp::Ordering::Greater => place.proven,
        }
}
