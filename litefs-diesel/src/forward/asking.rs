//! One question to whoever is primary, asked until somebody answers it.

use super::attempt::{Missed, unreachable};
use super::client::Sequence;
use super::route::{Route, Target};
use super::router::{Inner, is_alone};
use crate::error::Error;
use crate::position::Position;
use crate::request::{Ack, Ask, Refusal, Reply, Stamp, Terms, WriteRequest, Written};

/// A write under its id, on its way to an outcome.
///
/// Once an attempt may have reached a writer, no later attempt's refusal is an answer: only what the
/// ledger of the current primary says, or [`Error::Unknown`] at the deadline. Migrations that are only
/// applied need no ledger: they are asked again until it is known that they are.
pub(super) struct Asking<'a> {
    router: &'a Inner,
    sequence: &'a Sequence,
    request: WriteRequest,
    route: Route<'a>,
    terms: Terms,
    /// Why an earlier attempt may have run, once one may.
    doubt: Option<String>,
}

/// What a primary said, and when.
pub(super) struct Answered {
    /// An error says that it is committed, and that what it returned is gone.
    pub(super) result: Result<Written, Error>,
    /// The role's epoch under which it was asked.
    pub(super) epoch: u64,
    /// Its host name; `None` for this node.
    pub(super) primary: Option<String>,
}

impl Answered {
    /// Where it is committed; zero when nothing was.
    pub(super) fn position(&self) -> Position {
        position_of(&self.result)
    }

    /// Whether nothing was committed: a procedure gave its own error.
    pub(super) fn is_own_error(&self) -> bool {
        matches!(&self.result, Ok(Written { reply: Some(Reply::Err(_)), .. }))
    }
}

/// Where what its caller is told of is committed; zero when nothing is.
pub(super) fn position_of(told: &Result<Written, Error>) -> Position {
    match told {
        Ok(written) => written.position,
        Err(error) => error.position().unwrap_or(Position::ZERO),
    }
}

impl<'a> Asking<'a> {
    pub(super) fn new(router: &'a Inner, sequence: &'a Sequence, hash: u64, ask: Ask, terms: Terms) -> Self {
        let stamp = Stamp { id: sequence.id(), hash, forgotten: 0, again: false };
        let request = WriteRequest { stamp, ask };
        Self { router, sequence, request, route: router.route(terms.deadline), terms, doubt: None }
    }

    /// An attempt of before may have run, or what it did may be gone.
    pub(super) fn doubt(&mut self, why: String) {
        self.doubt = Some(why);
    }

    /// What it asks for, given back for a later time.
    pub(super) fn into_ask(self) -> Ask {
        self.request.ask
    }

    /// Whether it may be asked again after an attempt that may have run: the ledger tells, or it does no
    /// harm.
    pub(super) fn may_ask_again(&self) -> bool {
        !is_alone(&self.request.ask) || self.is_repeatable()
    }

    fn is_repeatable(&self) -> bool {
        matches!(&self.request.ask, Ask::Run(write) if write.may_be_repeated())
    }

    /// Asks until the ledger or the database has answered. `None`: the ledger does not have what was
    /// only asked about.
    pub(super) async fn answer(&mut self) -> Result<Option<Answered>, Error> {
        loop {
            let target = match self.route.next().await {
                Ok(target) => target,
                Err(error) => return Err(self.last_word(error)),
            };
            if !matches!(target, Target::Here) && self.terms.ack != Ack::Committed {
                self.router.visibility.expect();
            }
            self.request.stamp.forgotten = self.sequence.forgotten();
            self.request.stamp.again = self.doubt.is_some();
            let attempt = self.router.attempt_write(&target, &self.request, self.terms.deadline);
            let missed = match self.route.attempt(&target, attempt).await {
                Ok(written) => return Ok(Some(self.answered(&target, Ok(written)))),
                Err(Missed::Refused(done @ (Refusal::NotDecoded { .. } | Refusal::NotKept { .. }))) => {
                    let error = done.into_error(target.name());
                    return Ok(Some(self.answered(&target, Err(error))));
                }
                Err(Missed::Refused(Refusal::Absent)) => return Ok(None),
                Err(missed) => missed,
            };
            if let Err(error) = self.missed(&target, missed).await {
                return Err(self.last_word(error));
            }
        }
    }

    fn answered(&self, target: &Target, result: Result<Written, Error>) -> Answered {
        Answered { result, epoch: self.route.epoch(), primary: target.elsewhere() }
    }

    /// What to do after an attempt that gave no result: `Ok` to make another one.
    async fn missed(&mut self, target: &Target, missed: Missed) -> Result<(), Error> {
        let name = target.name();
        match missed {
            Missed::Lost(why) if !self.may_ask_again() => {
                // Nothing tells a second attempt that the first one ran.
                Err(Error::Unknown { why })
            }
            // It waits its turn among many that want the same, and no attempt can be one too many.
            Missed::Refused(refusal @ (Refusal::Busy(_) | Refusal::Overloaded(_)))
                if self.is_repeatable() =>
            {
                match refusal.into_error(name) {
                    Error::NotExecuted(why) => self.route.again(why).await,
                    other => Err(other),
                }
            }
            Missed::Lost(why) => {
                tracing::debug!(id = %self.request.stamp.id, why, "the answer was lost; asking again");
                self.doubt(why.clone());
                self.route.again(unreachable(name, why)).await
            }
            Missed::Refused(Refusal::UnknownClient { ticket }) => {
                let (stamp, deadline) = (&self.request.stamp, self.terms.deadline);
                let register = self.router.register(target, self.sequence, ticket, stamp.again, deadline);
                match register.await {
                    Ok(()) => Ok(()),
                    Err(missed) => self.route.missed(name, missed).await,
                }
            }
            // Nor will it ever: that is the last word at once.
            Missed::Refused(Refusal::NoLedger) => {
                let doubt = self.doubt.as_deref().unwrap_or("another attempt may have run");
                Err(Error::Unknown { why: format!("{doubt}; and {name} has no ledger that could tell") })
            }
            // What the ledger or the database said is the answer. When an attempt of before may still
            // come, the writer has seen to it that it does not run.
            Missed::Refused(
                settled @ (Refusal::Rejected(_) | Refusal::KeyReused { .. } | Refusal::NotTaken(_)),
            ) => {
                self.doubt = None;
                Err(settled.into_error(name))
            }
            // No word on the attempt that may have run.
            missed => match (self.route.missed(name, missed).await, &self.doubt) {
                (Err(Error::NotExecuted(why)), Some(_)) => self.route.again(why).await,
                (other, _) => other,
            },
        }
    }

    /// What the caller is told when no further attempt is made.
    fn last_word(&self, error: Error) -> Error {
        match (&self.doubt, error) {
            (Some(doubt), Error::NotExecuted(why)) => {
                Error::Unknown { why: format!("{doubt}; and until the deadline: {why}") }
            }
            (_, error) => error,
        }
    }
}
