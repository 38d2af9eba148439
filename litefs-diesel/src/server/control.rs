//! The control connection's calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::Services;
use super::budget::Budget;
use super::connection::Calls;
use crate::config::LimitSettings;
use crate::error::Bound;
use crate::members::Way;
use crate::request::{Allowance, Held, Refusal};
use crate::rpc::codec::{Answer as Answered, Received};
use crate::rpc::control::{Answer, Ask, Control, View};
use crate::rpc::hello::Peer;
use crate::shares::Shares;

/// How long a change of position waits for others before it is told: a busy primary changes it a
/// thousand times a second, and nobody reads that fast.
const COALESCE: Duration = Duration::from_millis(20);

/// How many calls of one connection are answered at once: a node has two.
const CALLS: usize = 64;

/// Answers one peer.
#[derive(Clone)]
pub(super) struct ControlCalls {
    services: Arc<Services>,
    peer: Arc<Peer>,
    /// The peer is there while this connection is.
    way: Arc<Way>,
}

impl ControlCalls {
    pub(super) fn new(services: Arc<Services>, peer: Peer) -> Self {
        let way = Arc::new(services.members.way(&peer));
        Self { services, peer: Arc::new(peer), way }
    }

    async fn watch(&self, seen: u64, epoch: u64, deadline: Instant) -> View {
        let mut views = self.services.members.view();
        let changed = async {
            let newer = |view: &View| view.version != seen;
            if views.wait_for(newer).await.is_err() {
                return; // nobody will change it any more
            }
            let moved = views.wait_for(|view| view.epoch != epoch);
            let _ = tokio::time::timeout(COALESCE, moved).await;
        };
        let _ = tokio::time::timeout_at(deadline.into(), changed).await;
        self.services.members.says()
    }
}

impl Calls for ControlCalls {
    type Service = Control;
    type Taken = ();

    /// A report is noted here, so that two of them are in their order.
    fn take_up(&self, ask: &Ask) {
        if let Ask::Report(view) = ask {
            // One that is still starting has seen nothing.
            if view.version > 0 {
                self.services.members.note(&self.peer, view.clone());
            }
        }
    }

    fn run(
        self,
        (): (),
        ask: Ask,
        Allowance { deadline, held, .. }: Allowance,
    ) -> BoxFuture<'static, Answered<Control>> {
        async move {
            let _held = held;
            Ok::<_, Refusal>(match ask {
                Ask::Watch { seen, epoch } => Answer::View(self.watch(seen, epoch, deadline).await),
                Ask::Report(_) => Answer::Noted,
            })
        }
        .boxed()
    }

    fn most(limits: &LimitSettings) -> usize {
        limits.requests_per_connection.min(CALLS)
    }

    /// Nothing but the connection's own: a node full of data calls still says that it is there, and hears who is.
    /// Only a view of more than 128 KiB waits for room, as any frame does before it is read.
    fn admit(_: &Budget, own: &Arc<Shares>, _: &Received<Ask>) -> Result<Held, Bound> {
        own.take(1).map(Held::new)
    }

    /// A view is small: a few numbers for each repo and node.
    fn weight(_: &Answer) -> usize {
        0
    }

    fn close(&self) {
        self.way.end();
    }
}
