//! What this node is for LiteFS, and how often that changed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

/// What this node is for LiteFS, right now.
///
/// ```
/// # use litefs_diesel::Role;
/// let role = Role::Replica { primary: "ams".into() };
/// assert!(!role.is_primary());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// This node holds the lease: writes run here. A node that is alone is always this.
    Primary,
    /// Another node is primary, and this one is connected to it or is dialling it.
    Replica {
        /// The primary's host name as LiteFS gives it (`lease.hostname`): free-form text.
        primary: String,
    },
    /// No node is known to be primary, or this node's LiteFS does not answer.
    NoLeader,
}

impl Role {
    /// Whether writes run on this node.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        matches!(self, Self::Primary)
    }

    /// From the two fields in which LiteFS says it, in `/info` and in events: only together they
    /// tell the three apart.
    pub(super) fn from_fields(is_primary: bool, hostname: &str) -> Self {
        match (is_primary, hostname) {
            (true, _) => Self::Primary,
            (false, "") => Self::NoLeader,
            (false, primary) => Self::Replica { primary: primary.to_owned() },
        }
    }
}

/// The role with its age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleView {
    pub(crate) role: Role,
    /// Counts the changes of (role, primary), and the moments in which one may have been missed
    /// because LiteFS could not be heard. Equal epochs mean: nothing changed in between.
    pub(crate) epoch: u64,
}

/// Where the role is published.
pub(super) struct Roles {
    view: watch::Sender<RoleView>,
    /// The same as in `view`, for those who ask at every position read.
    epoch: AtomicU64,
    is_primary: AtomicBool,
}

impl Roles {
    pub(super) fn new(role: Role) -> Self {
        let is_primary = AtomicBool::new(role.is_primary());
        Self { view: watch::Sender::new(RoleView { role, epoch: 0 }), epoch: AtomicU64::new(0), is_primary }
    }

    pub(super) fn view(&self) -> RoleView {
        self.view.borrow().clone()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<RoleView> {
        self.view.subscribe()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn is_primary(&self) -> bool {
        self.is_primary.load(Ordering::Relaxed)
    }

    /// Makes `role` the role; a new epoch begins if it is another one.
    pub(super) fn publish(&self, role: Role) {
        self.view.send_if_modified(|view| {
            let changed = view.role != role;
            if changed {
                self.is_primary.store(role.is_primary(), Ordering::Relaxed);
                view.role = role;
                self.next_epoch(view);
            }
            changed
        });
    }

    /// Begins a new epoch with the same role: changes may have come and gone unheard.
    pub(super) fn gap(&self) {
        self.view.send_modify(|view| self.next_epoch(view));
    }

    fn next_epoch(&self, view: &mut RoleView) {
        view.epoch += 1;
        self.epoch.store(view.epoch, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_counts_changes_and_gaps_and_not_repetitions() {
        let roles = Roles::new(Role::NoLeader);
        let replica = Role::Replica { primary: "a".into() };
        roles.publish(replica.clone());
        roles.publish(replica.clone());
        assert_eq!(roles.view(), RoleView { role: replica, epoch: 1 });
        roles.publish(Role::Replica { primary: "b".into() });
        assert_eq!(roles.epoch(), 2);
        roles.gap();
        assert_eq!((roles.epoch(), roles.view().epoch), (3, 3));
        roles.publish(Role::Primary);
        assert!(roles.is_primary());
    }

    #[test]
    fn the_role_is_three_valued() {
        assert_eq!(Role::from_fields(true, "me"), Role::Primary);
        assert_eq!(Role::from_fields(false, "a"), Role::Replica { primary: "a".into() });
        assert_eq!(Role::from_fields(false, ""), Role::NoLeader);
    }
}
