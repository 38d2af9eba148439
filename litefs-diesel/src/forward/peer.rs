//! The pair of connections to one peer.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use super::connect::Connector;
use super::control;
use super::link::{self, Demand, Link};
use crate::rpc::client::Client;
use crate::rpc::control::View;
use crate::rpc::data::Data;

/// Another node. Its connections end when the last user of this drops it.
pub(crate) struct Peer {
    hostname: String,
    link: watch::Receiver<Link>,
    demand: Arc<Demand>,
    view: watch::Receiver<Option<View>>,
    /// Whether there is to be a control connection though nobody calls.
    kept: watch::Sender<bool>,
    _alive: DropGuard,
}

/// Why there is no connection to call on.
#[derive(Debug, PartialEq)]
pub(super) enum LinkError {
    /// Waiting cannot mend it.
    Refused(String),
    /// This node shuts down.
    Closed,
}

/// Why a peer did not say what it sees.
#[derive(Debug)]
pub(crate) struct Unasked {
    pub(crate) why: String,
    /// Waiting cannot mend it.
    pub(crate) lasting: bool,
}

impl Peer {
    /// Starts to keep connections to that host; the first is made when it is needed.
    pub(super) fn new(connector: &Arc<Connector>, hostname: &str) -> Self {
        let alive = connector.shutdown.child_token();
        let demand = Arc::new(Demand::default());
        let down = Link::Down { why: "no attempt was over".into(), permanent: false };
        let (link_tx, link) = watch::channel(down);
        let (view_tx, view) = watch::channel(None);
        let hostname = hostname.to_owned();
        let data = link::keep(Arc::clone(connector), hostname.clone(), link_tx, Arc::clone(&demand));
        let kept = watch::Sender::new(false);
        let wanted = control::Wanted { link: link.clone(), kept: kept.subscribe() };
        let control = control::keep(Arc::clone(connector), hostname.clone(), wanted, view_tx);
        connector.spawn(&alive, data);
        connector.spawn(&alive, control);
        Self { hostname, link, demand, view, kept, _alive: alive.drop_guard() }
    }

    /// Its name, as LiteFS gives it.
    pub(crate) fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Whether a control connection is to be there even while nobody calls.
    pub(super) fn keep(&self, kept: bool) {
        self.kept.send_replace(kept);
    }

    /// What it sees, while there is a connection to it.
    #[cfg(test)]
    pub(crate) fn view(&self) -> watch::Receiver<Option<View>> {
        self.view.clone()
    }

    /// What it sees, asked for if nothing is known yet. Fails with why it could not be asked by
    /// the deadline. Needs a runtime with timers.
    pub(crate) async fn ask_view(&self, deadline: Instant) -> Result<View, Unasked> {
        let gone = || Unasked { why: "this node shuts down".to_owned(), lasting: false };
        let mut view = self.view.clone();
        let asked = async {
            match self.client().await {
                Ok(_connected) => {}
                Err(LinkError::Refused(why)) => return Err(Unasked { why, lasting: true }),
                Err(LinkError::Closed) => return Err(gone()),
            }
            let known = view.wait_for(Option::is_some).await;
            known.ok().and_then(|view| view.clone()).ok_or_else(gone)
        };
        let late = || Unasked { why: self.why(), lasting: false };
        tokio::time::timeout_at(deadline.into(), asked).await.unwrap_or_else(|_| Err(late()))
    }

    /// Whom it takes for primary instead of itself, when it says so.
    pub(super) fn points_to(&self) -> Option<String> {
        self.view.borrow().as_ref()?.primary().map(str::to_owned)
    }

    /// The connection for calls, if there is one now.
    pub(super) fn up(&self) -> Option<Arc<Client<Data>>> {
        match &*self.link.borrow() {
            Link::Up(client) => Some(Arc::clone(client)),
            Link::Down { .. } | Link::Closed => None,
        }
    }

    /// Waits for the connection for calls, without an end: the caller has a deadline.
    pub(super) async fn client(&self) -> Result<Arc<Client<Data>>, LinkError> {
        let mut link = self.link.clone();
        let _waiting = self.demand.wait();
        let mut tried = false;
        loop {
            match &*link.borrow_and_update() {
                Link::Up(client) => return Ok(Arc::clone(client)),
                // An older attempt's word is not this one's: settings elsewhere may have changed.
                Link::Down { why, permanent: true } if tried => return Err(LinkError::Refused(why.clone())),
                Link::Down { .. } => tried = true,
                Link::Closed => return Err(LinkError::Closed),
            }
            if link.changed().await.is_err() {
                return Err(LinkError::Closed);
            }
        }
    }

    /// Why there is no connection, for people.
    pub(super) fn why(&self) -> String {
        match &*self.link.borrow() {
            Link::Up(_) => "the connection was made too late".into(),
            Link::Down { why, .. } => why.clone(),
            Link::Closed => "this node shuts down".into(),
        }
    }

    /// Keeps it connected while this is polled.
    pub(super) async fn stay_connected(&self) {
        let mut pauses = link::pauses();
        loop {
            match self.client().await {
                Ok(client) => client.retired().await,
                Err(LinkError::Refused(_)) => {}
                Err(LinkError::Closed) => return std::future::pending().await,
            }
            tokio::time::sleep(link::next(&mut pauses)).await;
        }
    }
}
