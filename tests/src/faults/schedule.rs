//! Which fault comes when: the same again for the same seed.

use std::fmt;
use std::time::Duration;

use super::dice::Dice;
use crate::netns::How;

/// What is done to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// LiteFS hands its lease to another node.
    HandOff,
    /// LiteFS of a node is killed, and started again.
    KillLitefs(Whose),
    /// LiteFS of a node is ended by SIGTERM, and started again.
    StopLitefs(Whose),
    /// LiteFS of a node is stopped where it is, and goes on.
    PauseLitefs(Whose),
    /// The application of a node is killed, and started again.
    KillApp(Whose),
    /// The application of a node is ended by SIGTERM, and started again.
    StopApp(Whose),
    /// The application of a node is stopped where it is, and goes on.
    PauseApp(Whose),
    /// Consul is not there: it refuses.
    StopConsul,
    /// Consul takes connections, and answers none.
    PauseConsul,
    /// Packets to Consul vanish.
    SilenceConsul,
    /// A node is cut off.
    Cut(Whose, Cut, Refused),
    /// Consul is silent to the primary alone, and its LiteFS is cut off: the others elect another
    /// one, and it goes on as well.
    TwoPrimaries,
    /// What applications say to each other takes its time, and some of it is lost.
    SlowLinks,
    /// The replicas' applications read all the time.
    BusyReaders,
}

/// Whose: chosen when the fault comes, for the primary moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The primary's.
    Primary,
    /// That of a replica.
    Replica,
}

/// From what a node is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// From all other nodes and Consul.
    Off,
    /// From all other nodes.
    Nodes,
    /// From the applications of all other nodes.
    Apps,
    /// From LiteFS of all other nodes.
    Litefs,
}

/// What becomes of packets over a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// They vanish.
    Silently,
    /// They are refused.
    Loudly,
}

impl Refused {
    /// The same for the firewall.
    #[must_use]
    pub fn how(self) -> How {
        match self {
            Self::Silently => How::Drop,
            Self::Loudly => How::Reject,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Every fault there is, once.
pub const ALL: &[Fault] = {
    use Cut::{Apps, Litefs, Nodes, Off};
    use Refused::{Loudly, Silently};
    use Whose::{Primary, Replica};
    &[
        Fault::HandOff,
        Fault::HandOff,
        Fault::KillLitefs(Primary),
        Fault::KillLitefs(Replica),
        Fault::StopLitefs(Primary),
        Fault::StopLitefs(Replica),
        Fault::PauseLitefs(Primary),
        Fault::PauseLitefs(Replica),
        Fault::KillApp(Primary),
        Fault::KillApp(Replica),
        Fault::StopApp(Primary),
        Fault::StopApp(Replica),
        Fault::PauseApp(Primary),
        Fault::PauseApp(Replica),
        Fault::StopConsul,
        Fault::PauseConsul,
        Fault::SilenceConsul,
        Fault::Cut(Primary, Off, Silently),
        Fault::Cut(Primary, Off, Loudly),
        Fault::Cut(Replica, Nodes, Silently),
        Fault::Cut(Replica, Nodes, Loudly),
        Fault::Cut(Primary, Apps, Silently),
        Fault::Cut(Primary, Apps, Loudly),
        Fault::Cut(Primary, Litefs, Silently),
        Fault::TwoPrimaries,
        Fault::SlowLinks,
        Fault::BusyReaders,
    ]
};

/// One fault of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is done.
    pub fault: Fault,
    /// For choosing among several of whom it may be.
    pub choice: u64,
    /// How long it lasts, where it lasts; else how long whatever was ended stays away.
    pub lasts: Duration,
    /// How long all is well afterwards, once all has recovered.
    pub rest: Duration,
}

/// An endless row of faults: all of some in one order, then all in another.
#[derive(Clone, Debug)]
pub struct Schedule {
    dice: Dice,
    faults: Vec<Fault>,
    deck: Vec<Fault>,
    backwards: bool,
}

impl Schedule {
    /// The same seed gives the same row of these faults.
    #[must_use]
    pub fn new(seed: u64, faults: &[Fault]) -> Self {
        Self { dice: Dice::new(seed), faults: faults.to_vec(), deck: Vec::new(), backwards: false }
    }

    /// Each round in the opposite order: two short runs, one of them backwards, have every fault
    /// between them.
    #[must_use]
    pub fn backwards(self, backwards: bool) -> Self {
        Self { backwards, ..self }
    }
}

impl Iterator for Schedule {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.deck.is_empty() {
            self.deck.clone_from(&self.faults);
            self.dice.shuffle(&mut self.deck);
            if self.backwards {
                self.deck.reverse();
            }
        }
        Some(Step {
            fault: self.deck.pop()?,
            choice: self.dice.roll(),
            // From less than a deadline to more than a lease.
            lasts: self.dice.millis(200, 5_000),
            rest: self.dice.millis(500, 2_500),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_again_and_a_round_has_each() {
        let round = |seed| Schedule::new(seed, ALL).take(ALL.len()).collect::<Vec<_>>();
        assert_eq!(round(3), round(3));
        assert_ne!(round(3), round(4));
        for fault in ALL {
            assert!(round(3).iter().any(|step| step.fault == *fault), "{fault}");
        }
    }

    #[test]
    fn twenty_forwards_and_ten_backwards_have_every_fault() {
        for seed in 0..20 {
            let mut played: Vec<_> = Schedule::new(seed, ALL).take(20).collect();
            played.extend(Schedule::new(seed, ALL).backwards(true).take(10));
            for fault in ALL {
                assert!(played.iter().any(|step| step.fault == *fault), "{fault}");
            }
        }
    }
}
