//! One LiteFS server, as this node uses it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::cluster_id::{ClusterId, ClusterIds};
use super::files;
use super::follow;
use super::info::{Info, InfoError};
use super::role::{Role, RoleView, Roles};
use super::settings::LitefsSettings;
use super::settle::Settle;
use super::watch::PositionWatch;

/// Follows one LiteFS server; or stands for there being none.
pub(crate) struct Litefs {
    shared: Arc<Shared>,
    /// `None` on a node that is alone.
    followed: Option<(Handle, AbortHandle)>,
}

/// What the following task and the node share.
pub(super) struct Shared {
    pub(super) settings: LitefsSettings,
    pub(super) http: Option<reqwest::Client>,
    pub(super) roles: Arc<Roles>,
    pub(super) settle: Mutex<Settle>,
    pub(super) cluster_ids: ClusterIds,
    /// Whether a file of the mount is being looked at right now: one that hangs must not be
    /// followed by others.
    pub(super) probing: Arc<AtomicBool>,
    reachable: AtomicBool,
    trouble: Mutex<Option<String>>,
    watches: Mutex<HashMap<PathBuf, Arc<PositionWatch>>>,
    mount: Mutex<Option<u64>>,
    mounts_lost: watch::Sender<u64>,
    /// Counts the new positions of all databases.
    moved: watch::Sender<u64>,
}

impl Litefs {
    /// Begins to follow a LiteFS server, by a task in `runtime`. Until it has answered there is no
    /// leader, and it is not reachable.
    pub(crate) fn start(settings: LitefsSettings, runtime: &Handle) -> Arc<Self> {
        let shared = Arc::new(Shared::new(settings, Role::NoLeader));
        let task = runtime.spawn(follow::follow(shared.clone()));
        Arc::new(Self { shared, followed: Some((runtime.clone(), task.abort_handle())) })
    }

    /// No LiteFS: always the primary, in epoch 0, at [`Position::ZERO`](crate::Position::ZERO).
    pub(crate) fn alone() -> Arc<Self> {
        let shared = Shared::new(LitefsSettings::new("", ""), Role::Primary);
        shared.reachable.store(true, Ordering::Relaxed);
        Arc::new(Self { shared: Arc::new(shared), followed: None })
    }

    /// The role as LiteFS said it last.
    pub(crate) fn role(&self) -> RoleView {
        self.shared.roles.view()
    }

    /// The epoch of [`role`](Self::role) alone: one atomic load.
    #[cfg(test)]
    pub(crate) fn epoch(&self) -> u64 {
        self.shared.roles.epoch()
    }

    /// The role and all its changes.
    pub(crate) fn roles(&self) -> watch::Receiver<RoleView> {
        self.shared.roles.subscribe()
    }

    /// The watch of a database, the same one for everybody who asks with the same path.
    pub(crate) fn database(&self, file: &Path) -> Arc<PositionWatch> {
        let mut watches = self.shared.watches.lock();
        let watch = watches.entry(file.to_owned()).or_insert_with(|| {
            let roles = self.shared.roles.clone();
            Arc::new(match &self.followed {
                Some((runtime, _)) => {
                    PositionWatch::new(file, roles, self.shared.moved.clone(), runtime.clone())
                }
                None => PositionWatch::alone(roles),
            })
        });
        watch.clone()
    }

    /// Which cluster this node's LiteFS belongs to, by LiteFS's own id.
    pub(crate) fn cluster_id(&self) -> ClusterId {
        self.shared.cluster_ids.subscribe()
    }

    /// Asks `GET /info`. To be awaited inside the node's runtime.
    pub(crate) async fn info(&self) -> Result<Info, InfoError> {
        follow::info(&self.shared).await
    }

    /// How many replicas this node's LiteFS has connected, by its own count (`GET /metrics`). To be
    /// awaited inside the node's runtime.
    pub(crate) async fn replicas(&self) -> Result<u32, InfoError> {
        follow::replicas(&self.shared).await
    }

    /// Changes whenever a database has a new position: [`PositionWatch::place`] has it.
    pub(crate) fn moved(&self) -> watch::Receiver<u64> {
        self.shared.moved.subscribe()
    }

    /// Whether LiteFS answered the last time it was asked: at most `heartbeat` ago.
    pub(crate) fn is_reachable(&self) -> bool {
        self.shared.reachable.load(Ordering::Relaxed)
    }

    /// Why it is not reachable: a sentence for an error's text.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.shared.trouble.lock().clone()
    }

    /// Counts how often the mount was seen to go. All that was opened in it before is dead, and
    /// has to be closed, or LiteFS cannot mount again.
    pub(crate) fn mounts_lost(&self) -> watch::Receiver<u64> {
        self.shared.mounts_lost.subscribe()
    }

    /// How far this node is behind the primary; zero on the primary and alone, `None` when nothing
    /// was replicated yet or LiteFS does not answer. Up to a second is usual. Reads a file of the
    /// mount, so it blocks while LiteFS is stopped where it is.
    pub(crate) fn lag(&self) -> Option<Duration> {
        if self.followed.is_none() {
            return Some(Duration::ZERO);
        }
        files::lag(&self.shared.settings.mount).ok().flatten()
    }

    /// Ends the following, all waits and their threads, and closes every descriptor that this room
    /// has open in the mount. Blocks for up to a second a database when LiteFS hangs.
    pub(crate) fn shutdown(&self) {
        if let Some((_, task)) = &self.followed {
            task.abort();
        }
        let watches: Vec<_> = self.shared.watches.lock().values().cloned().collect();
        watches.iter().for_each(|watch| watch.close());
    }
}

impl Drop for Litefs {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl Shared {
    fn new(settings: LitefsSettings, role: Role) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.timeout)
            .build();
        Self {
            settings,
            http: http.ok(),
            roles: Arc::new(Roles::new(role)),
            settle: Mutex::default(),
            cluster_ids: ClusterIds::default(),
            probing: Arc::default(),
            reachable: AtomicBool::new(false),
            trouble: Mutex::default(),
            watches: Mutex::default(),
            mount: Mutex::default(),
            mounts_lost: watch::Sender::new(0),
            moved: watch::Sender::new(0),
        }
    }

    /// LiteFS says this role.
    pub(super) fn hear(&self, role: Role) {
        let believed = self.settle.lock().hear(role, Instant::now());
        self.believe(believed);
    }

    /// LiteFS has a new position of a database.
    pub(super) fn hear_tx(&self, database: &str, position: crate::position::Position) {
        let believed = self.settle.lock().proof();
        self.believe(believed);
        let watches = self.watches.lock();
        for (_, watch) in
            watches.iter().filter(|(file, _)| file.file_name().is_some_and(|name| name == database))
        {
            watch.told(position);
        }
    }

    pub(super) fn believe(&self, role: Option<Role>) {
        if let Some(role) = role {
            self.roles.publish(role);
        }
    }

    /// LiteFS answered.
    pub(super) fn answered(&self) {
        self.reachable.store(true, Ordering::Relaxed);
        *self.trouble.lock() = None;
    }

    /// LiteFS did not answer.
    pub(super) fn silent(&self, why: String) {
        if self.reachable.swap(false, Ordering::Relaxed) {
            tracing::warn!(why, "LiteFS does not answer");
        }
        *self.trouble.lock() = Some(why);
    }

    /// Which mount is there now.
    pub(super) fn see_mount(&self, mount: &io::Result<u64>) {
        let now = mount.as_ref().ok().copied();
        let before = std::mem::replace(&mut *self.mount.lock(), now);
        if before.is_some() && before != now {
            self.forget_descriptors();
            self.mounts_lost.send_modify(|count| *count += 1);
        }
    }

    pub(super) fn forget_descriptors(&self) {
        self.watches.lock().values().for_each(|watch| watch.forget_descriptor());
    }
}
