//! The control connection to one peer: it brings what the peer sees, and takes there what this node
//! sees.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::connect::Connector;
use super::link::{self, Link};
use crate::members::Members;
use crate::rpc::client::{Client, Failure, Message};
use crate::rpc::control::{Answer, Ask, Control, View};
use crate::rpc::hello::Purpose;

/// How long a peer may say nothing: six heartbeats. One that does is gone, even if nothing says so:
/// its machine may have lost power. A connection that is made anew is there again sooner than one
/// on which TCP still waits between two attempts to resend.
const SILENCE: Duration = Duration::from_secs(3);

/// How far apart two reports are at least. The first change after a pause is told at once; a busy
/// primary's come 500 times a second, and a commit and its way to a replica take longer than this.
const APART: Duration = Duration::from_millis(3);

/// How long a poll that brought nothing new waits before the next, lest a peer that answers too early
/// is asked all the time.
const EARLY: Duration = Duration::from_millis(20);

/// Who needs a control connection.
pub(super) struct Wanted {
    /// While there is a connection for calls.
    pub(super) link: watch::Receiver<Link>,
    /// The peer is one of the mesh.
    pub(super) kept: watch::Receiver<bool>,
}

impl Wanted {
    fn is_wanted(&mut self) -> bool {
        *self.kept.borrow_and_update() || matches!(*self.link.borrow_and_update(), Link::Up(_))
    }

    /// Returns when it is or is not wanted; `false` when nobody ever will want it.
    async fn is(&mut self, wanted: bool) -> bool {
        loop {
            if matches!(*self.link.borrow(), Link::Closed) {
                return false;
            }
            if self.is_wanted() == wanted {
                return true;
            }
            let changed = tokio::select! {
                changed = self.link.changed() => changed,
                changed = self.kept.changed() => changed,
            };
            if changed.is_err() {
                return false;
            }
        }
    }

    /// The connection for calls goes to a peer that is silent.
    fn retire(&self) {
        if let Link::Up(client) = &*self.link.borrow() {
            client.retire();
        }
    }
}

/// Keeps the control connection while somebody wants it.
pub(super) async fn keep(
    connector: Arc<Connector>,
    hostname: String,
    mut wanted: Wanted,
    view: watch::Sender<Option<View>>,
) {
    let members = Arc::clone(&connector.members);
    let mut pauses = link::pauses();
    while wanted.is(true).await {
        match connector.connect::<Control>(&hostname, Purpose::Control).await {
            Ok((client, peer)) => {
                let since = Instant::now();
                members.is_called(&hostname, &peer.node);
                let way = members.way(&peer);
                let note = |latest: View| {
                    // One that is still starting has seen nothing.
                    if latest.version > 0 {
                        members.note(&peer, latest.clone());
                        view.send_replace(Some(latest));
                    }
                };
                let ended = tokio::select! {
                    ended = watch_peer(&client, note) => Some(ended),
                    ended = report(&client, &members) => Some(ended),
                    () = client.retired() => None,
                    _ = wanted.is(false) => None,
                };
                way.end();
                view.send_replace(None);
                if let Some(Failure::Lost(why)) = ended {
                    tracing::warn!(peer = hostname, why, "the peer is silent; its connections are made anew");
                    wanted.retire();
                }
                if since.elapsed() >= link::STEADY {
                    pauses = link::pauses();
                }
            }
            Err(error) => {
                if error.is_this_node() {
                    members.is_this(&hostname);
                }
                tracing::debug!(peer = hostname, %error, "no control connection");
            }
        }
        tokio::time::sleep(link::next(&mut pauses)).await;
    }
}

/// Follows what the peer sees.
async fn watch_peer(client: &Client<Control>, note: impl Fn(View)) -> Failure {
    let (mut seen, mut epoch) = (0, 0);
    loop {
        let message = Message::new(&Ask::Watch { seen, epoch });
        match client.call(message, Instant::now() + SILENCE).await {
            Ok(Answer::View(latest)) => {
                let unchanged = latest.version == seen;
                (seen, epoch) = (latest.version, latest.epoch);
                note(latest);
                if unchanged {
                    tokio::time::sleep(EARLY).await;
                }
            }
            Ok(Answer::Noted) => return Failure::Unsendable("the peer answered something else".into()),
            Err(failure) => return failure,
        }
    }
}

/// Tells the peer what this node sees.
async fn report(client: &Client<Control>, members: &Members) -> Failure {
    let mut view = members.view();
    loop {
        view.mark_unchanged();
        let latest = members.says();
        let (epoch, sent) = (latest.epoch, Instant::now());
        let message = Message::new(&Ask::Report(latest));
        if let Err(failure) = client.call(message, sent + SILENCE).await {
            return failure;
        }
        if view.changed().await.is_err() {
            return std::future::pending().await; // nothing will change any more
        }
        let moved = view.wait_for(|view| view.epoch != epoch);
        let _ = tokio::time::timeout_at((sent + APART).into(), moved).await;
    }
}
