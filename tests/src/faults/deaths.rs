//! Processes that ended though nobody had ended them: which, how, and whether one of LiteFS's known faults
//! explains it.

use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

/// What ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// LiteFS.
    Litefs,
    /// The application.
    App,
}

/// A process that ended by itself, and was started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// What.
    pub who: Who,
    /// Of which node.
    pub node: usize,
    /// How.
    pub how: ExitStatus,
    /// The number of the fault during which, or in the rest after which; 0 before the first.
    pub fault: usize,
}

/// What LiteFS exits with when it cannot take a commit, or cannot apply one (faults 2, 14 and 15).
const GAVE_UP: i32 = 99;

/// How many of LiteFS's exits are its own known fault: so many, and one for each change of primary, which finds one
/// commit under way at most ("node lost write access during transaction"). The slower commits are, the more often:
/// seen 3 and 2 with 39 and 36 changes, and 16 with 37 on a machine that compiled meanwhile.
const LITEFS: usize = 4;

/// How many applications LiteFS ends by SIGBUS (faults 18 and 19): `.0`, and one in `.1` faults. Seen, since the
/// library opens its connections anew when the lease goes: 1 in 470 faults.
const APPS: (usize, usize) = (1, 50);

/// All deaths of a run, and what explains them.
#[derive(Debug, Default)]
pub(super) struct Deaths(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    fault: usize,
    deaths: Vec<Death>,
    shaken: BTreeSet<(usize, usize)>,
    /// How often the primary was another one.
    changes: usize,
}

impl Deaths {
    /// Another fault begins.
    pub(super) fn next_fault(&self) {
        self.state().fault += 1;
    }

    /// The lease has gone from one node to another.
    pub(super) fn moved(&self, from: usize, to: usize) {
        self.state().changes += 1;
        [from, to].into_iter().for_each(|node| self.shaken(node));
    }

    /// LiteFS of a node has ended, whoever ended it, or it has lost or got the lease: what an application on
    /// that node may die of.
    pub(super) fn shaken(&self, node: usize) {
        let mut state = self.state();
        let fault = state.fault;
        state.shaken.insert((fault, node));
    }

    pub(super) fn add(&self, who: Who, node: usize, how: ExitStatus) {
        let mut state = self.state();
        let fault = state.fault;
        state.deaths.push(Death { who, node, how, fault });
    }

    /// All so far.
    pub(super) fn all(&self) -> Vec<Death> {
        self.state().deaths.clone()
    }

    /// What none of LiteFS's faults explains, or what is too much of them, after so many faults.
    pub(super) fn unexplained(&self, faults: usize) -> Vec<String> {
        let state = self.state();
        let mut wrong: Vec<_> =
            state.deaths.iter().filter(|death| !state.explains(death)).map(Death::to_string).collect();
        let allowed = [(Who::Litefs, LITEFS + state.changes), (Who::App, APPS.0 + faults / APPS.1)];
        for (who, allowed) in allowed {
            let deaths = state.deaths.iter().filter(|death| death.who == who).count();
            if deaths > allowed {
                wrong.push(format!("{who:?} ended by itself {deaths} times; {allowed} are put up with"));
            }
        }
        wrong
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn explains(&self, death: &Death) -> bool {
        // One that died in the rest after a fault may be found out about during the next one.
        let shaken = |fault: usize| self.shaken.contains(&(fault, death.node));
        let again = self
            .deaths
            .iter()
            .filter(|other| (other.who, other.node, other.fault) == (death.who, death.node, death.fault));
        death.is_known()
            && match death.who {
                Who::Litefs => death.fault > 0,
                Who::App => shaken(death.fault) || shaken(death.fault.saturating_sub(1)),
            }
            // A third time in one fault is not bad luck.
            && again.count() <= 2
    }
}

impl Death {
    /// Whether LiteFS is known to do this.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self.who {
            Who::Litefs => self.how.code() == Some(GAVE_UP),
            Who::App => self.how.signal() == Some(Signal::BUS.as_raw()),
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} of node {} ended by itself ({}) with fault {}",
            self.who, self.node, self.how, self.fault
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    fn by(signal: Signal) -> ExitStatus {
        ExitStatus::from_raw(signal.as_raw())
    }

    #[test]
    fn litefs_may_give_up_during_a_fault_and_in_no_other_way() {
        let deaths = Deaths::default();
        deaths.add(Who::Litefs, 0, exit(GAVE_UP));
        assert_eq!(deaths.unexplained(150).len(), 1, "nothing had happened yet");
        let deaths = Deaths::default();
        deaths.next_fault();
        deaths.add(Who::Litefs, 0, exit(GAVE_UP));
        assert_eq!(deaths.unexplained(1), [""; 0]);
        deaths.add(Who::Litefs, 1, exit(2));
        assert_eq!(deaths.unexplained(1).len(), 1);
    }

    #[test]
    fn an_application_may_end_by_sigbus_where_litefs_was_shaken_and_in_no_other_way() {
        let deaths = Deaths::default();
        deaths.next_fault();
        deaths.shaken(1);
        deaths.next_fault();
        deaths.add(Who::App, 1, by(Signal::BUS));
        assert_eq!(deaths.unexplained(10), [""; 0]);
        deaths.add(Who::App, 2, by(Signal::BUS));
        assert_eq!(deaths.unexplained(100).len(), 1, "nothing had happened to its node");
        let deaths = Deaths::default();
        deaths.next_fault();
        deaths.shaken(1);
        deaths.add(Who::App, 1, by(Signal::SEGV));
        assert_eq!(deaths.unexplained(100).len(), 1);
    }

    #[test]
    fn what_is_put_up_with_has_a_bound() {
        let deaths = Deaths::default();
        for _ in 0..5 {
            deaths.next_fault();
            deaths.add(Who::Litefs, 0, exit(GAVE_UP));
        }
        assert_eq!(deaths.unexplained(5).len(), 1);
        deaths.moved(0, 1);
        assert_eq!(deaths.unexplained(5), [""; 0]);
    }
}
