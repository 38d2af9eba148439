//! A node for tests, for which the test is LiteFS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Expected, Members, MembersConfig};
use crate::config::Fence;
use crate::litefs::{Role, RoleView};
use crate::position::Position;
use crate::rpc::control::{Place, View};
use crate::rpc::hello::Peer;

/// What one node knows of all, and what it is told of itself.
pub(crate) struct TestMember {
    pub(crate) members: Arc<Members>,
    pub(crate) roles: watch::Sender<RoleView>,
    says: Mutex<Says>,
}

#[derive(Clone, Default)]
struct Says {
    positions: BTreeMap<String, Place>,
    candidate: Option<bool>,
    replicas: Option<u32>,
}

impl TestMember {
    /// In the cluster of `nodes`, when it is to know them.
    pub(crate) fn new(node: &str, role: Role, nodes: Option<&[&str]>) -> Self {
        Self::fenced_by(Fence::Heard, node, role, nodes)
    }

    pub(crate) fn fenced_by(fence: Fence, node: &str, role: Role, nodes: Option<&[&str]>) -> Self {
        Self::make(fence, node, None, role, nodes)
    }

    /// A guest beside the node of that name.
    pub(crate) fn guest(fence: Fence, node: &str, role: Role, nodes: &[&str]) -> Self {
        Self::make(fence, node, Some(format!("{node} (guest)")), role, Some(nodes))
    }

    fn make(fence: Fence, node: &str, guest: Option<String>, role: Role, nodes: Option<&[&str]>) -> Self {
        let process = process_of(guest.as_deref().unwrap_or(node));
        let roles = watch::Sender::new(RoleView { role, epoch: 1 });
        let members = Members::new(MembersConfig {
            node: node.to_owned(),
            guest,
            process,
            roles: roles.subscribe(),
            replicated: true,
            expected: nodes.map(|nodes| nodes.iter().map(|node| Expected::named(node)).collect()),
            fence,
            fence_timeout: Duration::from_secs(2),
        });
        let says = Says { candidate: Some(true), ..Says::default() };
        let member = Self { members, roles, says: Mutex::new(says) };
        member.tell();
        member
    }

    pub(crate) fn set_role(&self, role: Role) {
        self.roles.send_modify(|view| *view = RoleView { role, epoch: view.epoch + 1 });
        self.says.lock().positions.values_mut().for_each(|place| place.proven = false);
        self.tell();
    }

    /// The database of the repo `Repo` has come there.
    pub(crate) fn move_to(&self, position: Position) {
        self.stand(position, true);
    }

    /// It is there, from whenever.
    pub(crate) fn stand(&self, position: Position, proven: bool) {
        self.says.lock().positions.insert("Repo".to_owned(), Place { position, proven });
        self.tell();
    }

    pub(crate) fn set_candidate(&self, candidate: Option<bool>) {
        self.says.lock().candidate = candidate;
        self.tell();
    }

    pub(crate) fn set_replicas(&self, replicas: u32) {
        self.says.lock().replicas = Some(replicas);
        self.tell();
    }

    /// As its peers see it in a hello.
    pub(crate) fn peer(&self) -> Peer {
        peer(self.members.told())
    }

    /// What it would send now.
    pub(crate) fn says(&self) -> View {
        self.members.says()
    }

    /// What it heard of that node last.
    pub(crate) fn heard(&self, node: &str) -> Option<View> {
        let state = self.members.state.lock();
        state.others.get(node).filter(|other| other.received.is_some()).map(|other| other.view.clone())
    }

    /// Whether any node that it heard of has that role.
    pub(crate) fn heard_of(&self, role: &Role) -> bool {
        self.members.state.lock().others.values().any(|other| other.view.role == *role)
    }

    /// Hears what the other one says now.
    pub(crate) fn hear(&self, other: &Self) {
        self.members.note(&other.peer(), other.says());
    }

    fn tell(&self) {
        let Says { positions, candidate, replicas } = self.says.lock().clone();
        self.members.tell(self.roles.borrow().clone(), positions, candidate, replicas);
    }
}

/// The node of that name, as it says hello.
pub(crate) fn peer(node: &str) -> Peer {
    let repos = ["Repo".to_owned()].into();
    Peer {
        node: node.to_owned(),
        process: process_of(node),
        repos,
        protocol: 1,
        litefs: "LFSC0123456789ABCDEF".into(),
    }
}

/// A number of its own for each name: what its process is called in a hello.
pub(crate) fn process_of(node: &str) -> u128 {
    node.bytes().fold(1, |sum, byte| sum.wrapping_mul(257) + u128::from(byte))
}
