//! The latest view of each node.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::expected::Expected;
use super::member::Member;
use crate::config::Fence;
use crate::litefs::{Role, RoleView};
use crate::rpc::control::{Heard, Place, View};
use crate::rpc::hello::Peer;

/// How many nodes are remembered. A cluster has a few; this bounds what nonsense can cost.
const MAX_NODES: usize = 256;

/// How far apart the noted versions of this node's own view are at least: the view changes with each
/// write, and what is told from their times is counted in heartbeats.
const NOTED: Duration = Duration::from_millis(50);

/// How many noted versions are kept: a minute's, longer than any `fence_timeout`.
const MAX_NOTED: usize = 1200;

/// What a node is told of itself and its cluster.
pub(crate) struct MembersConfig {
    /// This node's name.
    pub(crate) node: String,
    /// What the others are told instead when this process is a guest beside the application's own
    /// node: it knows all that they say, and says nothing that they could count.
    pub(crate) guest: Option<String>,
    /// The random number of this process start.
    pub(crate) process: u128,
    /// What LiteFS says of this node's role.
    pub(crate) roles: watch::Receiver<RoleView>,
    /// Whether there is a LiteFS: without, this node is all there is.
    pub(crate) replicated: bool,
    /// All nodes, this one included, when the settings name them.
    pub(crate) expected: Option<Vec<Expected>>,
    pub(crate) fence: Fence,
    pub(crate) fence_timeout: Duration,
}

/// What each node says, this one included.
pub(crate) struct Members {
    pub(super) node: String,
    guest: Option<String>,
    pub(super) process: u128,
    pub(super) replicated: bool,
    pub(super) fence: Fence,
    pub(super) fence_timeout: Duration,
    pub(super) roles: watch::Receiver<RoleView>,
    pub(super) state: Mutex<State>,
    /// This node's own view.
    own: watch::Sender<View>,
    /// Changes with every view.
    changed: watch::Sender<u64>,
    /// Another node has changed its role, and waits to hear that this one knows.
    hurry: Notify,
}

pub(super) struct State {
    pub(super) others: BTreeMap<String, Member>,
    pub(super) expected: Option<Vec<Expected>>,
    pub(super) own: Own,
    /// Whether it was said that this node does not write, though it is primary.
    pub(super) fence_said: bool,
}

/// This node's own view, and what belongs to it here.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) view: View,
    /// Since when it takes its primary for that; `None` when it was so before this process.
    pub(super) since: Option<Instant>,
    /// The first version of this role epoch.
    pub(super) epoch_from: u64,
    /// Versions, and when they were made.
    pub(super) made: VecDeque<(u64, Instant)>,
}

/// A connection to or from a node, while it lasts.
pub(crate) struct Way {
    members: Arc<Members>,
    peer: Peer,
    ended: AtomicBool,
}

impl Members {
    pub(crate) fn new(config: MembersConfig) -> Arc<Self> {
        let MembersConfig { node, guest, process, roles, replicated, expected, fence, fence_timeout } =
            config;
        let own = Own { view: View::unknown(), since: None, epoch_from: u64::MAX, made: VecDeque::default() };
        let state = State { others: BTreeMap::default(), expected, own, fence_said: false };
        Arc::new(Self {
            node,
            guest,
            process,
            replicated,
            fence,
            fence_timeout,
            roles,
            state: Mutex::new(state),
            own: watch::Sender::new(View::unknown()),
            changed: watch::Sender::new(0),
            hurry: Notify::new(),
        })
    }

    /// What the others call this process: under that name it finds what they have heard of it.
    pub(super) fn told(&self) -> &str {
        self.guest.as_deref().unwrap_or(&self.node)
    }

    /// What LiteFS calls this node, now.
    pub(crate) fn role(&self) -> Role {
        self.roles.borrow().role.clone()
    }

    /// This node's own view, as it changes. What others are told is what it [`says`](Self::says).
    pub(crate) fn view(&self) -> watch::Receiver<View> {
        self.own.subscribe()
    }

    /// This node's view as it goes out: with its age, and with what this node has heard by now.
    pub(crate) fn says(&self) -> View {
        let state = self.state.lock();
        let mut view = state.own.view.clone();
        if self.guest.is_some() {
            // Role and positions are the application's to tell; of both there is one a node.
            view = View { version: view.version, epoch: view.epoch, ..View::of_guest() };
        }
        view.age_ms = state.own.since.map(|since| since.elapsed().as_millis() as u64);
        let there = state.others.iter().filter(|(_, other)| other.ways > 0 && other.received.is_some());
        let heard = |other: &Member| Heard { process: other.process, version: other.view.version };
        view.heard = there.map(|(node, other)| (node.clone(), heard(other))).collect();
        view
    }

    /// This node sees that now. Tells the others when it is new.
    pub(crate) fn tell(
        &self,
        role: RoleView,
        positions: BTreeMap<String, Place>,
        candidate: Option<bool>,
        replicas: Option<u32>,
    ) {
        let mut state = self.state.lock();
        let before = &state.own.view;
        let next =
            View { role: role.role, epoch: role.epoch, positions, candidate, replicas, ..before.clone() };
        if before.version > 0 && *before == next {
            return;
        }
        let (first, same_role) = (before.version == 0, before.role == next.role);
        let new_epoch = first || before.epoch != next.epoch;
        if !same_role || first {
            let seen = !first && next.role != Role::NoLeader;
            state.own.since = seen.then(Instant::now);
        }
        self.publish(&mut state, next, new_epoch);
    }

    /// Tells the others that what this node sees is as it was.
    pub(crate) fn beat(&self) {
        let mut state = self.state.lock();
        if state.own.view.version > 0 {
            let view = state.own.view.clone();
            self.publish(&mut state, view, false);
        }
    }

    fn publish(&self, state: &mut State, view: View, new_epoch: bool) {
        let version = state.own.view.version + 1;
        state.own.view = View { version, ..view };
        if new_epoch {
            state.own.epoch_from = version;
        }
        let now = Instant::now();
        let made = &mut state.own.made;
        if new_epoch || made.back().is_none_or(|(_, at)| now.duration_since(*at) >= NOTED) {
            made.push_back((version, now));
            if made.len() > MAX_NOTED {
                made.pop_front();
            }
        }
        // Under the lock, so that two are in their order.
        self.own.send_replace(state.own.view.clone());
        self.changed.send_modify(|count| *count += 1);
    }

    /// A node says what it sees.
    pub(crate) fn note(&self, peer: &Peer, view: View) {
        let mut state = self.state.lock();
        let Some(other) = state.entry(&self.node, peer) else { return };
        if other.say(peer.process, view, Instant::now()) {
            self.hurry.notify_one();
        }
        drop(state);
        self.changed.send_modify(|count| *count += 1);
    }

    /// There is a connection to or from that node; until what comes back is ended or dropped.
    pub(crate) fn way(self: &Arc<Self>, peer: &Peer) -> Way {
        if let Some(other) = self.state.lock().entry(&self.node, peer) {
            other.ways += 1;
        }
        Way { members: Arc::clone(self), peer: peer.clone(), ended: AtomicBool::new(false) }
    }

    /// The node that is listed so has that name.
    pub(crate) fn is_called(&self, listed: &str, node: &str) {
        let mut state = self.state.lock();
        let expected = state.expected.iter_mut().flatten().find(|expected| expected.listed == listed);
        if let Some(expected) = expected
            && expected.node.as_deref() != Some(node)
        {
            expected.node = Some(node.to_owned());
        }
    }

    /// The node that is listed so is this one.
    pub(crate) fn is_this(&self, listed: &str) {
        self.is_called(listed, &self.node);
    }

    /// The settings' nodes are these now: a DNS name was looked up again. What is known of those that
    /// stay is kept.
    pub(crate) fn expect(&self, listed: Vec<Expected>) {
        let mut state = self.state.lock();
        let known = state.expected.take().unwrap_or_default();
        let keep = |new: Expected| known.iter().find(|old| old.listed == new.listed).cloned().unwrap_or(new);
        state.expected = Some(listed.into_iter().map(keep).collect());
    }

    /// Changes whenever anything does that is known here.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Returns when another node would like to hear of this one before the next heartbeat.
    pub(crate) async fn hurried(&self) {
        self.hurry.notified().await;
    }
}

impl State {
    /// Where that node is kept. `None` for one too many, and for this node's own name, under which
    /// another process has nothing new to say: it follows the same LiteFS.
    fn entry(&mut self, own: &str, peer: &Peer) -> Option<&mut Member> {
        if peer.node == own {
            return None;
        }
        if self.others.len() >= MAX_NODES && !self.others.contains_key(&peer.node) {
            let gone = self.others.iter().filter(|(_, other)| other.ways == 0);
            let oldest = gone.min_by_key(|(_, other)| other.received).map(|(node, _)| node.clone());
            match oldest {
                Some(oldest) => self.others.remove(&oldest),
                None => {
                    tracing::warn!(
                        node = peer.node,
                        "more than {MAX_NODES} nodes: this one is not remembered"
                    );
                    return None;
                }
            };
        }
        Some(self.others.entry(peer.node.clone()).or_insert_with(|| Member::new(peer.process)))
    }

    /// The expected nodes besides this one.
    pub(super) fn others_expected<'a>(&'a self, own: &'a str) -> impl Iterator<Item = &'a str> {
        self.expected.iter().flatten().map(Expected::name).filter(move |node| *node != own)
    }
}

impl Own {
    /// When that version was made, or one shortly before it.
    pub(super) fn made_at(&self, version: u64) -> Option<Instant> {
        let after = self.made.partition_point(|(noted, _)| *noted <= version);
        self.made.get(after.checked_sub(1)?).map(|(_, at)| *at)
    }
}

impl Way {
    /// The connection has ended.
    pub(crate) fn end(&self) {
        if self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut state = self.members.state.lock();
        if let Some(other) = state.others.get_mut(&self.peer.node) {
            other.ways = other.ways.saturating_sub(1);
            if other.ways == 0 && other.is_guest() {
                state.others.remove(&self.peer.node);
            }
        }
        drop(state);
        self.members.changed.send_modify(|count| *count += 1);
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.end();
    }
}
