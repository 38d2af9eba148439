//! Who has a call: the caller who may still give it up, or the one who is about to run it.

use std::sync::atomic::{AtomicU8, Ordering};

/// Decides, once, between the two who hold it: the one that is about to take a call up (a
/// connection that sends it, the writer that runs it), and the caller who gives it up. So a call
/// that was given up before it was taken is known to never have run.
#[derive(Debug, Default)]
pub(crate) struct Handover(AtomicU8);

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Handover {
    /// Whether it may be run, or sent; again, too, once it may.
    pub(crate) fn take(&self) -> bool {
        self.leave(TAKEN)
    }

    /// The caller's: whether the call was not taken, and never will be.
    pub(crate) fn give_up(&self) -> bool {
        self.leave(GIVEN_UP)
    }

    /// Whether the caller has given it up by now.
    pub(crate) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Acquire) == GIVEN_UP
    }

    fn leave(&self, to: u8) -> bool {
        match self.0.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(now) => now == to,
        }
    }
}
