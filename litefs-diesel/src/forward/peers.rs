//! All peers that this node calls.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connect::Connector;
use super::peer::Peer;
use super::resolve::Resolver;
use crate::litefs::{Role, RoleView};
use crate::members::Members;
use crate::request::Sizes;
use crate::rpc::hello::Identity;
use crate::rpc::identity::Transport;

/// How many hosts are known at once. A cluster has a few; this bounds what nonsense can cost.
const MAX_PEERS: usize = 64;

/// What connections to peers need.
pub(crate) struct PeersConfig {
    /// Where a host is (setting `cluster.peer`).
    pub(crate) resolver: Resolver,
    /// Who this node says it is.
    pub(crate) identity: Arc<Identity>,
    /// By what it knows its peers.
    pub(crate) transport: Transport,
    /// What this node sees, reported to each peer, and where goes what they see.
    pub(crate) members: Arc<Members>,
    /// Bytes of a frame; the same on all nodes.
    pub(crate) max_frame: usize,
    /// How large a statement may be; the same on all nodes.
    pub(crate) sizes: Sizes,
    /// The node's runtime, with timers and network.
    pub(crate) runtime: Handle,
}

/// Keeps a pair of connections to each peer that was ever asked for.
pub(crate) struct Peers {
    connector: Arc<Connector>,
    known: Mutex<HashMap<String, Arc<Peer>>>,
    /// Those to which there is a control connection, whether or not anybody calls them.
    mesh: Mutex<Vec<Arc<Peer>>>,
}

impl Peers {
    pub(crate) fn new(config: PeersConfig) -> Arc<Self> {
        let PeersConfig { resolver, identity, transport, members, max_frame, sizes, runtime } = config;
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let connector =
            Connector { resolver, identity, transport, members, max_frame, sizes, runtime, shutdown, tasks };
        Arc::new(Self { connector: Arc::new(connector), known: Mutex::default(), mesh: Mutex::default() })
    }

    /// How large a statement may be that is sent to one.
    pub(super) fn sizes(&self) -> Sizes {
        self.connector.sizes
    }

    /// The peer of that host name. Makes no connection by itself. `None` when too many hosts are
    /// in use.
    pub(crate) fn get(&self, hostname: &str) -> Option<Arc<Peer>> {
        let mut known = self.known.lock();
        if let Some(peer) = known.get(hostname) {
            return Some(Arc::clone(peer));
        }
        if known.len() >= MAX_PEERS {
            known.retain(|_, peer| Arc::strong_count(peer) > 1);
        }
        if known.len() >= MAX_PEERS {
            return None;
        }
        let peer = Arc::new(Peer::new(&self.connector, hostname));
        known.insert(hostname.to_owned(), Arc::clone(&peer));
        Some(peer)
    }

    /// Keeps a connection to whoever is primary, so that the first write need not make it. Runs on
    /// the node's runtime until [`shutdown`](Self::shutdown).
    pub(crate) fn follow(self: &Arc<Self>, mut roles: watch::Receiver<RoleView>) {
        let peers = Arc::downgrade(self);
        self.connector.spawn(&self.connector.shutdown, async move {
            loop {
                let role = roles.borrow_and_update().role.clone();
                let primary = match (&role, peers.upgrade()) {
                    (_, None) => return,
                    (Role::Replica { primary }, Some(peers)) => peers.get(primary),
                    (Role::Primary | Role::NoLeader, Some(_)) => None,
                };
                let connected = async {
                    match primary {
                        Some(peer) => peer.stay_connected().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    changed = roles.changed() => if changed.is_err() { return },
                    () = connected => {}
                }
            }
        });
    }

    /// Keeps a control connection to each of these hosts, and to no other that nobody calls.
    pub(crate) fn keep(&self, hostnames: &[String]) {
        let mesh: Vec<_> = hostnames.iter().filter_map(|hostname| self.get(hostname)).collect();
        if mesh.len() < hostnames.len() {
            tracing::warn!(
                "more than {MAX_PEERS} nodes: not all of them are followed (setting `cluster.nodes`)"
            );
        }
        mesh.iter().for_each(|peer| peer.keep(true));
        let before = std::mem::replace(&mut *self.mesh.lock(), mesh);
        let gone = |peer: &&Arc<Peer>| !hostnames.iter().any(|hostname| hostname == peer.hostname());
        before.iter().filter(gone).for_each(|peer| peer.keep(false));
    }

    /// Runs something on the node's runtime until [`shutdown`](Self::shutdown), which waits for it: its
    /// timers may be gone afterwards.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.connector.spawn(&self.connector.shutdown, task);
    }

    /// Closes all connections, and returns when they are closed. Calls that still run end as
    /// `Unknown`, so those who make them are stopped first.
    pub(crate) async fn shutdown(&self) {
        self.connector.shutdown.cancel();
        self.connector.tasks.close();
        self.connector.tasks.wait().await;
        self.known.lock().clear();
        self.mesh.lock().clear();
    }

    /// Whether [`shutdown`](Self::shutdown) began. From then on the runtime and its timers may go.
    pub(super) fn is_closed(&self) -> bool {
        self.connector.shutdown.is_cancelled()
    }

    /// Returns once [`shutdown`](Self::shutdown) began.
    pub(super) async fn closed(&self) {
        self.connector.shutdown.cancelled().await;
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.connector.runtime
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.connector.shutdown.cancel();
    }
}
