//! What this node sees, told to its peers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::litefs::{Litefs, PositionWatch, RoleView};
use crate::members::{HEARTBEAT, Members};
use crate::rpc::control::Place;

/// How often LiteFS's files are looked at, though its events say what happens: where there are none
/// (LiteFS before 0.5.5), and for the lag, of which they say nothing.
const REFRESH: Duration = Duration::from_millis(500);

/// How often a primary's LiteFS is asked how many replicas it has: one that the settings do not name
/// is noticed within this time.
const COUNT: Duration = Duration::from_secs(1);

/// How often a replica's LiteFS is asked whether it may become primary. Its settings change with its
/// restart only, which is a change of the role; this is for when it did not answer then.
const ASK: Duration = Duration::from_secs(5);

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

/// Looks, and tells.
pub(super) struct Keeper {
    litefs: Arc<Litefs>,
    watches: Watches,
    members: Arc<Members>,
    lag: Arc<Lag>,
    said: watch::Sender<Said>,
}

/// What LiteFS says of itself when it is asked.
#[derive(Clone, Copy, Default, PartialEq)]
struct Said {
    candidate: Option<bool>,
    /// The role's epoch, and how many replicas were connected in it.
    replicas: Option<(u64, u32)>,
}

impl Keeper {
    pub(super) fn new(litefs: Arc<Litefs>, watches: Watches, members: Arc<Members>, lag: Arc<Lag>) -> Self {
        Self { litefs, watches, members, lag, said: watch::Sender::new(Said::default()) }
    }

    /// Keeps the view true until `stop`. What hangs with LiteFS does not hold up the rest.
    pub(super) async fn run(self, stop: CancellationToken) {
        let all = async { tokio::join!(self.tell(), self.look(), self.ask()) };
        stop.run_until_cancelled(all).await;
    }

    /// Tells what is known, at once when it changes, and again with each heartbeat.
    async fn tell(&self) {
        let (mut roles, mut moved, mut said) =
            (self.litefs.roles(), self.litefs.moved(), self.said.subscribe());
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            moved.borrow_and_update();
            let role = roles.borrow_and_update().clone();
            let Said { candidate, replicas } = *said.borrow_and_update();
            let candidate = candidate.filter(|_| self.litefs.is_reachable());
            let replicas = replicas.filter(|(epoch, _)| role.role.is_primary() && *epoch == role.epoch);
            let positions = self.positions(role.epoch);
            self.members.tell(role, positions, candidate, replicas.map(|(_, connected)| connected));
            let alive = tokio::select! {
                changed = roles.changed() => changed.is_ok(),
                changed = moved.changed() => changed.is_ok(),
                changed = said.changed() => changed.is_ok(),
                _ = beat.tick() => { self.members.beat(); true }
                () = self.members.hurried() => { self.members.beat(); true }
            };
            if !alive {
                return;
            }
        }
    }

    fn positions(&self, epoch: u64) -> BTreeMap<String, Place> {
        let place = |watch: &PositionWatch| {
            let sight = watch.sight()?;
            Some(Place { position: sight.position, proven: sight.proven && sight.epoch == epoch })
        };
        self.watches.iter().filter_map(|(name, watch)| Some((name.clone(), place(watch)?))).collect()
    }

    /// Looks at LiteFS's files now and then, and at each change of the role.
    async fn look(&self) {
        let mut roles = self.litefs.roles();
        let mut primary_of = None;
        loop {
            let role = roles.borrow_and_update().clone();
            let (watches, litefs) = (self.watches.clone(), self.litefs.clone());
            // Files of the mount, which hang when LiteFS does.
            let looked = tokio::task::spawn_blocking(move || {
                // One that cannot be read just now is not one that is not there: it stays as it was.
                let unread = watches.values().filter(|watch| watch.read().is_err()).count();
                (unread, litefs.lag())
            });
            let Ok((unread, lag)) = looked.await else { return };
            self.lag.set(lag);
            if role.role.is_primary() && unread == 0 && primary_of != Some(role.epoch) {
                primary_of = Some(role.epoch);
                for (repo, place) in self.positions(role.epoch) {
                    self.members.warn_if_behind(&repo, place.position.txid);
                }
            }
            tokio::select! {
                changed = roles.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(REFRESH) => {}
            }
        }
    }

    /// Asks LiteFS what its events do not say.
    async fn ask(&self) {
        let mut roles = self.litefs.roles();
        loop {
            let RoleView { role, epoch } = roles.borrow_and_update().clone();
            let info = self.litefs.info().await;
            let connected = if role.is_primary() { self.litefs.replicas().await.ok() } else { None };
            let next = |before: &Said| Said {
                candidate: info.as_ref().map_or(before.candidate, |info| Some(info.candidate)),
                replicas: connected.map(|connected| (epoch, connected)),
            };
            self.said.send_if_modified(|said| {
                let next = next(said);
                std::mem::replace(said, next) != next
            });
            let pause = if role.is_primary() || info.is_err() { COUNT } else { ASK };
            tokio::select! {
                changed = roles.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
