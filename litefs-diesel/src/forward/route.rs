//! Where a call goes next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::ExponentialBackoff;
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::attempt::{Missed, unreachable};
use super::peer::{LinkError, Peer};
use super::peers::Peers;
use crate::error::{Error, NotExecuted};
use crate::litefs::{Role, RoleView};
use crate::pauses::turned_away;
use crate::request::Refusal;
use crate::rpc::client::Client;
use crate::rpc::data::Data;

/// How many hints are followed before this node's own role must change: two nodes that point at
/// each other are not a way.
const MAX_HINTS: u8 = 3;

/// How long a host that only a hint names may take to be reached.
const HINTED: Duration = Duration::from_secs(1);

/// One call's way to the primary, until its deadline.
pub(super) struct Route<'a> {
    peers: &'a Peers,
    roles: watch::Receiver<RoleView>,
    deadline: Instant,
    /// The role's epoch when the last target was chosen.
    epoch: Option<u64>,
    /// Whether a peer's hint chose it, and not this node's own LiteFS.
    hinted: bool,
    hint: Option<String>,
    hints_left: u8,
    pauses: ExponentialBackoff,
    /// What the caller is told when the deadline passes.
    last: NotExecuted,
}

/// Who is to be asked.
pub(super) enum Target {
    Here,
    There(Arc<Peer>, Arc<Client<Data>>),
}

impl<'a> Route<'a> {
    pub(super) fn new(peers: &'a Peers, roles: watch::Receiver<RoleView>, deadline: Instant) -> Self {
        let (epoch, hint, last) = (None, None, NotExecuted::NoLeader);
        Self {
            peers,
            roles,
            deadline,
            epoch,
            hinted: false,
            hint,
            hints_left: MAX_HINTS,
            pauses: turned_away(),
            last,
        }
    }

    /// The role's epoch under which the last target is primary. One that this node's own LiteFS
    /// does not know yet has none: positions of now say nothing about its history, so nothing but
    /// the very position proves a write of its.
    pub(super) fn epoch(&self) -> u64 {
        if self.hinted { u64::MAX } else { self.epoch.unwrap_or_default() }
    }

    /// The role as of the last target, and what becomes of it.
    pub(super) fn roles(&self) -> watch::Receiver<RoleView> {
        self.roles.clone()
    }

    /// Waits for somebody to ask. Fails at the deadline at the latest, with why nobody was asked.
    pub(super) async fn next(&mut self) -> Result<Target, Error> {
        loop {
            let Some((hostname, hinted)) = self.choose() else { return Ok(Target::Here) };
            self.hinted = hinted;
            if self.peers.is_closed() {
                return Err(shutting_down());
            }
            let Some(hostname) = hostname else {
                self.last = NotExecuted::NoLeader;
                self.news(None).await?;
                continue;
            };
            let Some(peer) = self.peers.get(&hostname) else {
                return Err(refused(format!(
                    "too many hosts were named as primary; the last is `{hostname}`"
                )));
            };
            let elsewhere = peer.points_to().filter(|other| !hinted && *other != hostname);
            if self.follow(elsewhere) {
                continue;
            }
            if let Some(client) = peer.up() {
                return Ok(Target::There(peer, client));
            }
            if let Some(client) = self.connect(&peer, hinted).await? {
                return Ok(Target::There(peer, client));
            }
        }
    }

    /// Makes an attempt, and gives it up when LiteFS names another primary meanwhile: it may have run.
    pub(super) async fn attempt<T>(
        &self,
        target: &Target,
        attempt: impl Future<Output = Result<T, Missed>>,
    ) -> Result<T, Missed> {
        let primary = target.elsewhere();
        tokio::select! {
            biased;
            done = attempt => done,
            () = moved(self.roles.clone(), primary.as_deref()) => {
                Err(Missed::Lost(format!("{} is not primary any more and has not answered", target.name())))
            }
        }
    }

    /// Whom to ask: `None` this node, `Some(None)` nobody. And whether a peer's hint says so.
    fn choose(&mut self) -> Option<(Option<String>, bool)> {
        let hint = self.hint.take();
        let view = self.roles.borrow_and_update();
        if self.epoch != Some(view.epoch) {
            self.epoch = Some(view.epoch);
            self.hints_left = MAX_HINTS;
        }
        match (&view.role, hint) {
            // A hint against LiteFS itself: this node is primary, and says that it must not write.
            (Role::Primary, None) => None,
            (_, Some(hint)) => Some((Some(hint), true)),
            (Role::Replica { primary }, None) => Some((Some(primary.clone()), false)),
            (Role::NoLeader, None) => Some((None, false)),
        }
    }

    /// Waits for a connection; `None` when there may be a better way by now.
    async fn connect(&mut self, peer: &Peer, hinted: bool) -> Result<Option<Arc<Client<Data>>>, Error> {
        let patience = if hinted { self.deadline.min(Instant::now() + HINTED) } else { self.deadline };
        tokio::select! {
            biased;
            () = self.peers.closed() => Err(shutting_down()),
            client = peer.client() => match client {
                Ok(client) => Ok(Some(client)),
                Err(LinkError::Closed) => Err(shutting_down()),
                Err(LinkError::Refused(_)) if hinted => Ok(None),
                Err(LinkError::Refused(why)) => Err(refused(format!("{}: {why}", peer.hostname()))),
            },
            changed = self.roles.changed() => changed.map(|()| None).map_err(|_| shutting_down()),
            () = sleep_until(patience.into()) => {
                self.last = NotExecuted::Unreachable { primary: peer.hostname().to_owned(), why: peer.why() };
                if patience < self.deadline { Ok(None) } else { Err(self.late()) }
            }
        }
    }

    /// The one that was asked does not write. Goes on at once with a hint, and else when there is
    /// news or after a pause.
    async fn go_on(&mut self, hint: Option<String>, why: NotExecuted) -> Result<(), Error> {
        if self.follow(hint) {
            return Ok(());
        }
        self.again(why).await
    }

    /// The one that was asked could not even be asked. Goes on when there is news or after a pause.
    pub(super) async fn again(&mut self, why: NotExecuted) -> Result<(), Error> {
        self.last = why;
        let pause = self.pauses.next();
        self.news(Some(pause.unwrap_or(Duration::from_millis(250)))).await
    }

    /// What to do after an attempt that is to be made again, or not: `Ok` to make another one.
    pub(super) async fn missed(&mut self, name: &str, missed: Missed) -> Result<(), Error> {
        let elsewhere = |hint: Option<String>| hint.filter(|hint| hint != name);
        match missed {
            Missed::NotSent(_) if Instant::now() >= self.deadline => {
                Err(Error::NotExecuted(NotExecuted::Expired))
            }
            Missed::Lost(why) | Missed::NotSent(why) => self.again(unreachable(name, why)).await,
            Missed::Unsendable(why) => Err(Error::NotExecuted(NotExecuted::Refused(why))),
            Missed::Refused(Refusal::NotPrimary { hint }) => {
                self.go_on(elsewhere(hint), NotExecuted::NoLeader).await
            }
            Missed::Refused(Refusal::Fenced { why, hint }) => {
                self.go_on(elsewhere(hint), NotExecuted::Fenced(why)).await
            }
            // Another may be primary soon, or the same again after its restart.
            Missed::Refused(Refusal::ShuttingDown) => self.again(NotExecuted::ShuttingDown).await,
            Missed::Refused(Refusal::Unavailable(why)) => self.again(NotExecuted::Refused(why)).await,
            Missed::Refused(refusal) => Err(refusal.into_error(name)),
        }
    }

    fn follow(&mut self, hint: Option<String>) -> bool {
        if hint.is_none() || self.hints_left == 0 {
            return false;
        }
        self.hints_left -= 1;
        self.hint = hint;
        true
    }

    /// Waits for a change of the role, for a pause at most, until the deadline.
    async fn news(&mut self, pause: Option<Duration>) -> Result<(), Error> {
        let now = Instant::now();
        let until = pause.map_or(self.deadline, |pause| self.deadline.min(now + pause));
        tokio::select! {
            biased;
            () = self.peers.closed() => return Err(shutting_down()),
            changed = self.roles.changed() => {
                changed.map_err(|_| shutting_down())?;
                self.pauses = turned_away();
            }
            () = sleep_until(until.into()) => {}
        }
        if Instant::now() < self.deadline { Ok(()) } else { Err(self.late()) }
    }

    fn late(&self) -> Error {
        Error::NotExecuted(self.last.clone())
    }
}

/// Returns when LiteFS names another primary than that one (`None`: this node): what is asked of it
/// is not worth waiting for. Without a leader it may still answer.
pub(super) async fn moved(mut roles: watch::Receiver<RoleView>, primary: Option<&str>) {
    let elsewhere = |view: &RoleView| match (&view.role, primary) {
        (Role::Primary, primary) => primary.is_some(),
        (Role::Replica { primary: now }, primary) => Some(now.as_str()) != primary,
        (Role::NoLeader, _) => false,
    };
    loop {
        if roles.changed().await.is_err() {
            return std::future::pending().await; // the node shuts down, which is told otherwise
        }
        if elsewhere(&roles.borrow_and_update()) {
            return;
        }
    }
}

fn refused(why: String) -> Error {
    Error::NotExecuted(NotExecuted::Refused(why))
}

/// Nobody tells the role any more, or the connections are closed.
fn shutting_down() -> Error {
    Error::NotExecuted(NotExecuted::ShuttingDown)
}
