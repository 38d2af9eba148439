//! What LiteFS says: role, position, waiting.

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
    /// No node is known to be primary.
    NoLeader,
}

impl Role {
    /// Whether writes run on this node.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        matches!(self, Self::Primary)
    }
}

/// A role, and how many changes of it came before: a role that is unchanged *now* is not one that
/// was unchanged *since*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleView {
    pub(crate) role: Role,
    pub(crate) epoch: u64,
}
