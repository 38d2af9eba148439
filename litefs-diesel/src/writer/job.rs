//! What waits in the writer's queue, and who waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::set::Failed;
use crate::handover::Handover;
use crate::position::Position;
use crate::request::{Ask, Held, Refusal, Stamp, Write, WriteRequest, Written};
use crate::statement::Most;

/// How much longer than its deadline a caller waits for a job that has begun: then its outcome is
/// better than [`Refusal::Unknown`].
const GRACE: Duration = Duration::from_millis(200);

/// A write request in the queue.
pub(super) struct Job {
    pub(super) stamp: Stamp,
    pub(super) ask: Ask,
    pub(super) ticket: Ticket<Written>,
    /// How it ended already, when only its tombstone is missing.
    pub(super) failed: Option<Box<Failed>>,
    /// How large its result may become.
    pub(super) most: Most,
}

impl Job {
    pub(super) fn new(
        WriteRequest { stamp, ask }: WriteRequest,
        ticket: Ticket<Written>,
        most: Most,
    ) -> Self {
        Self { stamp, ask, ticket, failed: None, most }
    }

    /// Whether it is still to be taken up. One of which only the tombstone is missing is, whoever waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.failed.is_some() || self.ticket.is_wanted()
    }

    /// Whether it is to be run: see [`Ticket::take`].
    pub(super) fn take(&self) -> bool {
        self.failed.is_some() || self.ticket.take()
    }

    /// Tells why it is not run; of one that may have left something, that.
    pub(super) fn refuse(self, why: Refusal) {
        self.ticket.refuse(match self.failed.map(|failed| *failed) {
            Some(Failed::Left(why)) => Refusal::NotDecoded { position: Position::ZERO, why },
            _ => why,
        });
    }

    /// Whether it runs outside any transaction.
    pub(super) fn is_alone(&self) -> bool {
        matches!(self.ask, Ask::Run(Write { alone: true, .. }))
    }
}

/// The queue's side of a call: the writer takes it up or not, and answers it.
pub(super) struct Ticket<T> {
    deadline: Instant,
    state: Arc<Handover>,
    /// What the call has of the node's bounds for as long as it is here, also when nobody waits for it.
    held: Held,
    reply: oneshot::Sender<Result<T, Refusal>>,
}

/// The caller's side: dropping it gives the call up, unless the writer has taken it already.
pub(super) struct Claim {
    deadline: Instant,
    state: Arc<Handover>,
}

impl<T> Ticket<T> {
    pub(super) fn new(
        deadline: Instant,
        held: Held,
        reply: oneshot::Sender<Result<T, Refusal>>,
    ) -> (Self, Claim) {
        let state = Arc::<Handover>::default();
        (Self { deadline, state: state.clone(), held, reply }, Claim { deadline, state })
    }

    /// Until when somebody waits for it.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether somebody still waits for the call, and it is not too late. The caller may give it up
    /// as not run for as long as nobody has [taken](Self::take) it.
    pub(super) fn is_wanted(&self) -> bool {
        Instant::now() < self.deadline && !self.state.is_given_up()
    }

    /// Whether the call is to be run: somebody still waits for it, and it is not too late. After
    /// `true` the caller knows that it may have run. A call that is run again is taken again.
    pub(super) fn take(&self) -> bool {
        let taken = self.state.take();
        Instant::now() < self.deadline && taken
    }

    pub(super) fn answer(self, result: Result<T, Refusal>) {
        let Self { held, reply, .. } = self;
        // First: who has the answer may ask again at once.
        drop(held);
        // The caller may have gone: then nobody wants to know.
        let _ = reply.send(result);
    }

    pub(super) fn refuse(self, why: Refusal) {
        self.answer(Err(why));
    }

    /// For a call that [`Ticket::take`] did not give.
    pub(super) fn expire(self) {
        self.refuse(Refusal::Expired);
    }
}

impl Claim {
    /// Waits for the answer until the deadline. A tokio runtime must be entered.
    pub(super) async fn wait<T>(
        self,
        mut answer: oneshot::Receiver<Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let deadline = tokio::time::Instant::from_std(self.deadline);
        let answered = match tokio::time::timeout_at(deadline, &mut answer).await {
            Ok(answered) => answered,
            Err(_) if self.give_up() => return Err(Refusal::Expired),
            // It runs: what it says within a moment is worth more than not knowing.
            Err(_) => match tokio::time::timeout(GRACE, answer).await {
                Ok(answered) => answered,
                Err(_) => {
                    return Err(Refusal::Unknown("it was still running at its deadline".into()));
                }
            },
        };
        answered.unwrap_or_else(|_| match self.give_up() {
            true => Err(Refusal::ShuttingDown),
            false => Err(Refusal::Unknown("the writer ended while it ran".into())),
        })
    }

    /// `true` when the writer has not taken it, and now never will.
    fn give_up(&self) -> bool {
        self.state.give_up()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.give_up();
    }
}
