//! Notices acknowledged writes that a failover dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::watch;

use super::asking::Asking;
use super::client::Sequence;
use super::remembered::{Acknowledged, What};
use super::router::Inner;
use crate::config::LostWrite;
use crate::error::Error;
use crate::litefs::{Role, RoleView};
use crate::position::Position;
use crate::request::{Ack, Ask, Refusal, Terms, Write};
use crate::shortened::beginning;

/// How often what is safe by now is forgotten: the ledger keeps an entry for as long.
const SWEEP: Duration = Duration::from_millis(250);

/// How long one look-up may take before it is tried again. Longer than LiteFS's hand-off.
const LOOK_UP: Duration = Duration::from_secs(5);

/// How many look-ups are on their way at once: they share the primary's queue with writes.
const AT_ONCE: usize = 32;

/// Watches over the remembered writes of a router until the router is gone.
pub(super) async fn watch(inner: std::sync::Weak<Inner>, mut roles: watch::Receiver<RoleView>) {
    let mut pause = SWEEP;
    loop {
        tokio::select! {
            changed = roles.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause) => {}
        }
        let Some(inner) = inner.upgrade() else { return };
        let view = roles.borrow_and_update().clone();
        let sees = &inner.visibility;
        inner.remembered.forget(view.epoch, |position| sees.is_everywhere(position));
        let all = view.role == Role::NoLeader || inner.look_up(view.epoch).await;
        pause = if all { SWEEP } else { SWEEP * 4 };
    }
}

/// Why a procedure's call is not committed again.
const OWN_ERROR: &str = "it was run again, and the procedure gave its own error: nothing of it is kept";

/// What a look-up found.
enum Found {
    /// It is in the history of the current primary.
    There(Acknowledged),
    /// It was not; everybody was told.
    Gone,
    /// It was not, and is to be sent again.
    Again(Acknowledged),
    /// Nobody could tell.
    Unknown(Acknowledged),
}

impl Inner {
    /// Looks each remembered write of another epoch up on the current primary, and tells of those that
    /// are gone. `false` when some could not be looked up.
    async fn look_up(self: &Arc<Self>, epoch: u64) -> bool {
        let writes = self.remembered.take_other_than(epoch);
        if writes.is_empty() {
            return true;
        }
        tracing::debug!(
            repo = self.repo,
            writes = writes.len(),
            "the role changed: looking up what was acknowledged"
        );
        let mut looking = futures::stream::iter(writes)
            .map(|write| self.look_up_one(write, epoch))
            .buffer_unordered(AT_ONCE);
        let (mut all, mut kept, mut again) = (true, Vec::new(), Vec::new());
        while let Some(found) = looking.next().await {
            match found {
                Found::There(write) => kept.push(write),
                Found::Unknown(write) => {
                    all = false;
                    kept.push(write);
                }
                Found::Again(write) => again.push(write),
                Found::Gone => {}
            }
        }
        drop(looking);
        // The oldest is to be forgotten first, whichever was found first.
        kept.sort_unstable_by_key(|write| write.sequence.id().sequence);
        self.remembered.put_back(kept);
        self.send_again(again);
        all
    }

    async fn look_up_one(self: &Arc<Self>, write: Acknowledged, epoch: u64) -> Found {
        let terms = Terms { deadline: Instant::now() + LOOK_UP, ack: Ack::Committed };
        let mut asking = Asking::new(self, &write.sequence, 0, Ask::Look, terms);
        // Nothing but the ledger's word counts.
        asking.doubt("it is only looked up".to_owned());
        let looked_up = asking.answer().await;
        drop(asking);
        match looked_up {
            // What a later attempt came to: it is not there, and need not be tried again.
            Ok(Some(answered)) if answered.is_own_error() => {
                self.tell(LostWrite { resubmit: Some(OWN_ERROR.to_owned()), ..self.lost(&write) }).await;
                Found::Gone
            }
            Ok(Some(answered)) => {
                // Where another attempt may have put it.
                Found::There(write.at(answered.position(), epoch))
            }
            Ok(None) if matches!(write.what, What::All(_)) => Found::Again(write),
            Ok(None) => {
                self.tell(self.lost(&write)).await;
                Found::Gone
            }
            Err(error @ (Error::Rejected(_) | Error::KeyReused { .. })) => {
                let resubmit = Some(error.to_string());
                self.tell(LostWrite { resubmit, ..self.lost(&write) }).await;
                Found::Gone
            }
            Err(error) => {
                tracing::debug!(id = %write.sequence.id(), %error, "cannot look it up yet");
                Found::Unknown(write)
            }
        }
    }

    /// Sends lost writes again, beside the watching: one that waits for a primary delays no look-up of
    /// another and no report. Until one deadline for all, so that it ends.
    fn send_again(self: &Arc<Self>, writes: Vec<Acknowledged>) {
        if writes.is_empty() {
            return;
        }
        let (inner, deadline) = (self.clone(), Instant::now() + self.remembered.settings().remember);
        self.peers.spawn(async move {
            let sent = |write| inner.clone().send_one_again(write, deadline);
            futures::stream::iter(writes).for_each_concurrent(AT_ONCE, sent).await;
        });
    }

    /// Sends one again, and tells of it when it is not committed then.
    async fn send_one_again(self: Arc<Self>, write: Acknowledged, deadline: Instant) {
        let mut lost = self.lost(&write);
        let Acknowledged { sequence, what, position, .. } = write;
        if let What::All(write) = what {
            match self.resubmit(sequence, write, deadline).await {
                Ok(()) => {
                    tracing::warn!(
                        repo = self.repo, id = lost.id, statement = lost.statement, %position,
                        "a failover dropped an acknowledged write; it was sent again and is committed"
                    );
                    metrics::counter!("litefs_diesel_lost_writes_resubmitted", "repo" => self.repo.clone())
                        .increment(1);
                    return;
                }
                Err(why) => lost.resubmit = Some(why),
            }
        }
        self.tell(lost).await;
    }

    /// What is told of it.
    fn lost(&self, write: &Acknowledged) -> LostWrite {
        let statement = beginning(write.what.text()).to_owned();
        LostWrite::new(&self.repo, write.sequence.id().to_string(), statement, write.position)
    }

    /// Tells everybody who wants to know.
    async fn tell(&self, lost: LostWrite) {
        let position = lost.position;
        tracing::error!(
            repo = self.repo, id = lost.id, statement = lost.statement, %position, resubmit = lost.resubmit,
            "a failover dropped an acknowledged write: it is lost"
        );
        metrics::counter!("litefs_diesel_lost_writes", "repo" => self.repo.clone()).increment(1);
        let hooks = self.remembered.settings().hooks.clone();
        // The application's own code, which may block.
        let told = self.runtime().spawn_blocking(move || hooks.tell(&lost)).await;
        if told.is_err() {
            tracing::error!(repo = self.repo, "the application's `on_lost` panicked");
        }
    }

    /// Sends a lost write again under its own id. `Err` says why it is not committed, or not known to
    /// be.
    async fn resubmit(
        self: &Arc<Self>,
        sequence: Sequence,
        write: Write,
        deadline: Instant,
    ) -> Result<(), String> {
        let hash = super::hash::hash(&write);
        let terms = Terms { deadline, ack: Ack::Visible };
        let mut asking = Asking::new(self, &sequence, hash, Ask::Run(write), terms);
        asking.doubt("it was lost, and is sent again".to_owned());
        let answered = asking.answer().await.map_err(|error| error.to_string())?;
        let Some(answered) = answered else {
            return Err(Refusal::Absent.into_error("the primary").to_string());
        };
        if answered.is_own_error() {
            return Err(OWN_ERROR.to_owned());
        }
        match &answered.result {
            // Without a position nobody knows whether it is there.
            Err(error) if answered.position() == Position::ZERO => Err(error.to_string()),
            // Nobody waits for what it returned.
            told => {
                let ask = asking.into_ask();
                self.remember(sequence, ask, told, Ack::Visible, answered.epoch);
                Ok(())
            }
        }
    }
}
