//! A set of requests that stand under one `BEGIN IMMEDIATE`, and what each came to.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::engine::verdict;
use super::job::Job;
use crate::error::DatabaseError;
use crate::ledger::Stored;
use crate::position::Position;
use crate::request::{Ask, Refusal, Reply, RequestId, Stamp, Written};

/// What one request came to, before the commit.
pub(super) enum Came {
    /// It ran, and goes with the commit.
    Ran(Written),
    /// What is there already.
    Stored(Stored<'static>),
    /// The database, a procedure or the ledger said no, and nothing of it is kept; whether its tombstone is
    /// entered.
    Failed(Failed, bool),
    /// What was asked about is not there.
    Absent,
    /// To the same as that one of the set, which is another attempt at it.
    Twin(usize),
}

/// How a request ended that gave nothing. But for the last one, nothing of it is kept.
#[derive(Clone, Debug)]
pub(super) enum Failed {
    Rejected(DatabaseError),
    /// A procedure's own error.
    Reply(Written),
    /// Its idempotency key is another request's.
    KeyReused(String),
    /// A procedure ended the transaction by itself, and what it did may be kept.
    Left(String),
}

impl Failed {
    /// Whether its tombstone is to be entered: another attempt may be on its way, and must not run.
    pub(super) fn is_final_for(&self, stamp: &Stamp) -> bool {
        stamp.again || matches!(self, Self::Left(_))
    }

    /// As an entry; `None` when another attempt may end otherwise.
    pub(super) fn tombstone(&self, replicated: bool) -> Option<Stored<'_>> {
        match self {
            Self::Reply(written) => Some(Stored::Done(Cow::Borrowed(written))),
            Self::KeyReused(key) => Some(Stored::KeyReused(Cow::Borrowed(key))),
            Self::Left(_) => Some(Stored::NotKept),
            Self::Rejected(error) => {
                let is_final = matches!(verdict(error.clone(), replicated), Refusal::Rejected(_));
                is_final.then_some(Stored::Rejected(Cow::Borrowed(error)))
            }
        }
    }
}

/// Results of so many bytes wait for one commit, and one more result: a group of 512 could else hold 512 of the
/// largest.
const HEAVY: usize = 8 << 20;

/// The requests of a transaction that is not committed yet.
#[derive(Default)]
pub(super) struct Set {
    pub(super) jobs: Vec<Job>,
    came: Vec<Came>,
    /// Where the first attempt at each write stands.
    first: FxHashMap<RequestId, usize>,
    /// How many bytes their results take, about.
    bytes: usize,
}

impl Set {
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) fn push(&mut self, job: Job, came: Came) {
        // One that ended a write which was not there stands for it, too.
        if matches!((&job.ask, &came), (Ask::Run(_) | Ask::Settle, Came::Absent) | (Ask::Run(_), _))
            && !matches!(came, Came::Twin(_))
        {
            self.first.insert(job.stamp.id, self.jobs.len());
        }
        self.bytes += self.weight(&came);
        self.jobs.push(job);
        self.came.push(came);
    }

    /// How many bytes its answer will take, about. That of a twin is a copy.
    fn weight(&self, came: &Came) -> usize {
        match came {
            Came::Ran(written) | Came::Failed(Failed::Reply(written), _) => written.weight(),
            Came::Stored(Stored::Done(written)) => written.weight(),
            Came::Twin(first) => self.weight(&self.came[*first]),
            Came::Stored(_) | Came::Failed(..) | Came::Absent => 0,
        }
    }

    /// Whether their results take so much that they are to be answered before others run.
    pub(super) fn is_heavy(&self) -> bool {
        self.bytes > HEAVY
    }

    /// The other attempt at the same write, if the set has one.
    pub(super) fn twin(&mut self, id: RequestId) -> Option<(usize, &Job, &mut Came)> {
        let at = *self.first.get(&id)?;
        Some((at, &self.jobs[at], &mut self.came[at]))
    }

    /// Whether the set changed what has to be committed, entries aside.
    pub(super) fn has_run(&self) -> bool {
        self.came.iter().any(|came| matches!(came, Came::Ran(_)))
    }

    /// Whether somebody is told a position.
    pub(super) fn tells_position(&self) -> bool {
        self.came.iter().any(|came| matches!(came, Came::Stored(_)))
    }

    /// Answers all, once it is committed or there was nothing to commit. `true` when one of them says
    /// that the connection is not what it was.
    pub(super) fn answer(self, position: Position, replicated: bool) -> bool {
        let mut answers: Vec<Result<Written, Refusal>> = Vec::with_capacity(self.jobs.len());
        for (job, came) in self.jobs.iter().zip(self.came) {
            answers.push(match came {
                Came::Ran(written) => Ok(at(written, position)),
                Came::Stored(stored) => of_stored(stored, &job.ask, position),
                Came::Failed(Failed::Rejected(error), _) => Err(verdict(error, replicated)),
                Came::Failed(Failed::Reply(written), _) => Ok(at(written, position)),
                Came::Failed(Failed::KeyReused(key), _) => Err(Refusal::KeyReused { key }),
                Came::Failed(Failed::Left(why), _) => Err(Refusal::NotDecoded { position, why }),
                Came::Absent => Err(Refusal::Absent),
                Came::Twin(first) => answers[first].clone(),
            });
        }
        let mut in_doubt = false;
        for (job, answer) in self.jobs.into_iter().zip(answers) {
            in_doubt |= matches!(
                answer,
                Err(Refusal::Busy(_) | Refusal::NotPrimary { .. } | Refusal::Unavailable(_))
            );
            job.ticket.answer(answer);
        }
        in_doubt
    }

    /// Answers all after a commit of which nobody can tell what it did. What had been rejected is
    /// still sure not to have run.
    pub(super) fn answer_unknown(self, why: &str) {
        for (job, came) in self.jobs.into_iter().zip(self.came) {
            job.ticket.answer(Err(match came {
                // Not to be asked again, which could run it again.
                Came::Failed(Failed::Left(why), _) => Refusal::NotDecoded { position: Position::ZERO, why },
                Came::Failed(..) => Refusal::Unavailable(why.to_owned()),
                _ => Refusal::Unknown(why.to_owned()),
            }));
        }
    }
}

/// What an entry of the ledger is for who asks again.
fn of_stored(stored: Stored<'_>, ask: &Ask, position: Position) -> Result<Written, Refusal> {
    match stored {
        Stored::Done(written) => Ok(at(written.into_owned(), position)),
        Stored::NotKept => Err(Refusal::NotKept { position }),
        Stored::Rejected(error) => Err(Refusal::Rejected(error.into_owned())),
        Stored::KeyReused(key) => Err(Refusal::KeyReused { key: key.into_owned() }),
        Stored::Ended if matches!(ask, Ask::Run(_)) => Err(Refusal::Late),
        Stored::Ended => Err(Refusal::Absent),
    }
}

/// With its position, unless nothing was committed.
fn at(written: Written, position: Position) -> Written {
    let position = if matches!(written.reply, Some(Reply::Err(_))) { Position::ZERO } else { position };
    Written { position, ..written }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::request::Held;
    use crate::server::testing::write_request;
    use crate::statement::Most;
    use crate::writer::job::Ticket;

    fn set_of(came: impl IntoIterator<Item = Came>) -> Set {
        let mut set = Set::default();
        for came in came {
            let (ticket, _) = Ticket::new(Instant::now(), Held::default(), tokio::sync::oneshot::channel().0);
            set.push(Job::new(write_request("INSERT"), ticket, Most::UNBOUNDED), came);
        }
        set
    }

    #[test]
    fn every_answer_counts_and_that_of_a_twin_once_more() {
        let written = || Written { reply: Some(Reply::Ok(vec![8; HEAVY / 2 + 1])), ..Written::default() };
        assert!(!set_of([Came::Ran(written()), Came::Absent]).is_heavy());
        assert!(set_of([Came::Ran(written()), Came::Twin(0)]).is_heavy());
        let failed = || Came::Failed(Failed::Reply(written()), false);
        assert!(set_of([failed(), failed()]).is_heavy());
        let stored = || Came::Stored(Stored::Done(Cow::Owned(written())));
        assert!(set_of([stored(), Came::Twin(0)]).is_heavy());
    }
}
