//! Where a write has arrived, and whether one may begin that is to arrive so far.

use std::time::Instant;

use super::member::has;
use super::store::{Members, State};
use crate::error::NotExecuted;
use crate::litefs::{Role, RoleView};
use crate::position::Position;
use crate::request::Ack;

/// A committed write that is to be on more nodes.
#[derive(Clone, Debug)]
pub(crate) struct Awaited {
    pub(crate) repo: String,
    pub(crate) position: Position,
    /// Who committed it; `None` for this node.
    pub(crate) primary: Option<String>,
    /// The role's epoch when that was asked; [`u64::MAX`] when this node's own LiteFS did not name it.
    pub(crate) epoch: u64,
    pub(crate) ack: Ack,
}

/// Who has a write and who does not, when not enough have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotReplicated {
    /// The nodes besides the primary that have it.
    pub(crate) have: Vec<String>,
    /// The nodes that were waited for in vain.
    pub(crate) missing: Vec<String>,
    /// Whether the primary changed meanwhile: then nobody knows by positions who has it.
    pub(crate) changed: bool,
}

impl Members {
    /// Returns once as many nodes have the write as its level says, all of them on the history of its
    /// primary, in one epoch of this node's role. Keeps nothing when it is dropped. Needs a runtime
    /// with timers.
    pub(crate) async fn replicated(&self, write: &Awaited, deadline: Instant) -> Result<(), NotReplicated> {
        self.arrives(write, deadline, |epoch| self.is_there(write, epoch)).await
    }

    /// Returns once every node that the settings name has that position of the repo, which is on the
    /// history of the present primary. `see` is told of who has it, and who does not: at first, and at
    /// each change.
    pub(crate) async fn everywhere(
        &self,
        repo: &str,
        position: Position,
        deadline: Instant,
        mut see: impl FnMut(&NotReplicated),
    ) -> Result<(), NotReplicated> {
        let mut roles = self.roles.clone();
        let led = roles.wait_for(|view| view.role != Role::NoLeader);
        let (primary, epoch) = match tokio::time::timeout_at(deadline.into(), led).await {
            Ok(Ok(view)) => match &view.role {
                Role::Replica { primary } => (Some(primary.clone()), view.epoch),
                _ => (None, view.epoch),
            },
            _ => (None, u64::MAX),
        };
        // More than there are: whoever does not have it is missing.
        let write =
            Awaited { repo: repo.to_owned(), position, primary, epoch, ack: Ack::Replicated(usize::MAX) };
        let mut seen = None;
        self.arrives(&write, deadline, |epoch| {
            let now = self.lacking(&write, epoch);
            let arrived = now.missing.is_empty();
            if seen.as_ref() != Some(&now) {
                see(seen.insert(now));
            }
            arrived
        })
        .await
    }

    async fn arrives(
        &self,
        write: &Awaited,
        deadline: Instant,
        mut is_there: impl FnMut(u64) -> bool,
    ) -> Result<(), NotReplicated> {
        let (mut roles, mut changes) = (self.roles.clone(), self.changes());
        let first = roles.borrow().epoch;
        let mut tenure = Some(write.epoch).filter(|epoch| *epoch != u64::MAX);
        loop {
            changes.borrow_and_update();
            let role = roles.borrow_and_update().clone();
            let names = self.names_primary(&role, write.primary.as_deref());
            let lost = match tenure {
                Some(epoch) => epoch != role.epoch,
                // A peer's hint may be ahead of this node's own LiteFS.
                None => {
                    !names && (write.primary.is_none() || role.epoch != first && role.role != Role::NoLeader)
                }
            };
            if lost {
                return Err(NotReplicated { changed: true, ..self.lacking(write, role.epoch) });
            }
            if names {
                tenure = Some(role.epoch);
                if is_there(role.epoch) {
                    return Ok(());
                }
            }
            tokio::select! {
                changed = roles.changed() => if changed.is_err() { return Err(self.lacking(write, role.epoch)) },
                changed = changes.changed() => if changed.is_err() { return Err(self.lacking(write, role.epoch)) },
                () = tokio::time::sleep_until(deadline.into()) => return Err(self.lacking(write, role.epoch)),
            }
        }
    }

    fn names_primary(&self, role: &RoleView, primary: Option<&str>) -> bool {
        match (&role.role, primary) {
            (Role::Primary, None) => true,
            (Role::Replica { primary: whose }, Some(primary)) => whose == primary,
            _ => false,
        }
    }

    fn is_there(&self, write: &Awaited, epoch: u64) -> bool {
        let state = self.state.lock();
        let (have, missing) = self.count(&state, write, epoch);
        match write.ack {
            Ack::Committed | Ack::Visible => true,
            Ack::Replicated(nodes) => have.len() >= nodes,
            // Looked at again: who is primary, and who follows it, may not have been known at the begin.
            Ack::Everywhere => missing.is_empty() && self.unlisted(&state, Instant::now()).is_none(),
        }
    }

    fn lacking(&self, write: &Awaited, epoch: u64) -> NotReplicated {
        let state = self.state.lock();
        let (have, missing) = self.count(&state, write, epoch);
        let names = |nodes: Vec<&str>| nodes.into_iter().map(str::to_owned).collect();
        NotReplicated { have: names(have), missing: names(missing), changed: false }
    }

    /// The nodes besides the primary that have the write, and those that should and have not.
    fn count<'a>(&'a self, state: &'a State, write: &'a Awaited, epoch: u64) -> (Vec<&'a str>, Vec<&'a str>) {
        let primary = write.primary.as_deref().unwrap_or(&self.node);
        // What was said before this node's role was as it is now may be of an earlier tenure of the
        // same primary.
        let current = state.own.view.epoch == epoch;
        let holds = |node: &str| {
            current
                && if node == self.node {
                    has(&state.own.view, &write.repo, write.position, primary)
                } else {
                    state.others.get(node).is_some_and(|other| {
                        other.has(&write.repo, write.position, primary)
                            && other.heard(self.told(), self.process) >= Some(state.own.epoch_from)
                    })
                }
        };
        let mut nodes: Vec<&str> = state.others.keys().map(String::as_str).collect();
        nodes.extend(state.others_expected(&self.node));
        nodes.push(&self.node);
        nodes.retain(|node| *node != primary);
        nodes.sort_unstable();
        nodes.dedup();
        let (have, lack): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| holds(node));
        let missing = lack.into_iter().filter(|node| self.is_needed(state, write.ack, node)).collect();
        (have, missing)
    }

    /// Whether a node that does not have a write is one to wait for.
    fn is_needed(&self, state: &State, ack: Ack, node: &str) -> bool {
        let expected =
            node == self.node || state.others_expected(&self.node).any(|expected| expected == node);
        let candidate = match state.others.get(node) {
            Some(other) => other.view.candidate,
            None if node == self.node => state.own.view.candidate,
            None => None,
        };
        match ack {
            Ack::Everywhere if expected => candidate != Some(false),
            // Not named by the settings: it counts while it says that it may become primary.
            Ack::Everywhere => candidate == Some(true),
            _ => expected,
        }
    }

    /// Whether every node that may become primary has that position of this history: no failover can
    /// drop it then. `false` where that is not known, also while there may be a node that the settings do not
    /// name.
    pub(crate) fn is_everywhere(&self, repo: &str, position: Position) -> bool {
        let role = self.roles.borrow().clone();
        let primary = match role.role {
            Role::Primary => None,
            Role::Replica { primary } => Some(primary),
            Role::NoLeader => return false,
        };
        let state = self.state.lock();
        let write =
            Awaited { repo: repo.to_owned(), position, primary, epoch: role.epoch, ack: Ack::Everywhere };
        state.expected.is_some()
            && self.count(&state, &write, role.epoch).1.is_empty()
            && self.unlisted(&state, Instant::now()).is_none()
    }

    /// Whether a write of that level may begin.
    pub(crate) fn admits(&self, ack: Ack) -> Result<(), NotExecuted> {
        // A node that is alone is every node that there is.
        if !self.replicated {
            return Ok(());
        }
        let why = match ack {
            Ack::Committed | Ack::Visible | Ack::Replicated(0) => None,
            Ack::Replicated(nodes) => self.too_few(nodes),
            Ack::Everywhere => self.not_everywhere(Instant::now()).map(|why| {
                format!(
                    "{why}; `Ack::Everywhere` needs every node that may become primary: send it again when they are \
                     there, or at another level"
                )
            }),
        };
        why.map_or(Ok(()), |why| Err(NotExecuted::NotEverywhere(why)))
    }

    fn too_few(&self, nodes: usize) -> Option<String> {
        let state = self.state.lock();
        if state.expected.is_none() {
            return Some(no_nodes());
        }
        let others = state.others_expected(&self.node).count();
        (others < nodes).then(|| {
            format!(
                "`Ack::Replicated({nodes})` asks for {nodes} nodes besides the primary, and `cluster.nodes` names \
                 {others} others: ask for fewer, or name more"
            )
        })
    }

    fn not_everywhere(&self, now: Instant) -> Option<String> {
        let state = self.state.lock();
        let Some(expected) = &state.expected else { return Some(no_nodes()) };
        if state.others_expected(&self.node).count() == expected.len() {
            return Some(format!("`cluster.nodes` does not name this node, `{}`", self.node));
        }
        let unsaid = |node: &str| format!("`{node}` does not say whether it may become primary");
        for node in state.others_expected(&self.node) {
            match state.others.get(node) {
                Some(other) if other.is_up(now) && other.view.candidate.is_some() => {}
                Some(other) if other.is_up(now) => return Some(unsaid(node)),
                Some(_) => return Some(format!("`{node}` is not heard any more")),
                None => return Some(format!("`{node}` was not heard yet")),
            }
        }
        if state.own.view.candidate.is_none() {
            return Some(unsaid(&self.node));
        }
        self.unlisted(&state, now)
    }

    /// Whether there may be a node that could become primary and that the settings do not name.
    fn unlisted(&self, state: &State, now: Instant) -> Option<String> {
        let role = self.roles.borrow().role.clone();
        let expected = state.expected.as_ref()?;
        let candidates = state.others.iter().filter(|(_, other)| other.view.candidate == Some(true));
        for (node, other) in candidates {
            if other.is_up(now) && !state.others_expected(&self.node).any(|expected| expected == node) {
                return Some(format!("`{node}` may become primary, and `cluster.nodes` does not name it"));
            }
        }
        let (primary, view) = match &role {
            Role::Primary => (&self.node, Some(&state.own.view)),
            Role::Replica { primary } => (primary, state.others.get(primary).map(|other| &other.view)),
            // It waits for one, and is checked when it has arrived.
            Role::NoLeader => return None,
        };
        let connected = view.filter(|view| view.role == Role::Primary).and_then(|view| view.replicas);
        match connected {
            None => {
                Some(format!("the primary, `{primary}`, does not say yet how many replicas LiteFS has there"))
            }
            Some(connected) if connected as usize >= expected.len() => Some(format!(
                "LiteFS has {connected} replicas on the primary, `{primary}`, and `cluster.nodes` names {} others",
                expected.len() - 1
            )),
            Some(_) => None,
        }
    }
}

fn no_nodes() -> String {
    "set `cluster.nodes`, which has to name all nodes for `Ack::Replicated` and `Ack::Everywhere`".to_owned()
}
