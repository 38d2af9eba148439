//! Whether a call has left this node.

use std::sync::atomic::{AtomicU8, Ordering};

/// Decides, once, between the two who hold it: the connection that is about to send a call, and
/// the caller who gives it up. So a call that was given up unsent is known to never have run.
#[derive(Debug, Default)]
pub(super) struct Ticket(AtomicU8);

const WAITING: u8 = 0;
const SENT: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Ticket {
    /// The connection's: whether it may send the call.
    pub(super) fn send(&self) -> bool {
        self.leave(SENT)
    }

    /// The caller's: whether the call was not sent, and never will be.
    pub(super) fn give_up(&self) -> bool {
        self.leave(GIVEN_UP)
    }

    fn leave(&self, to: u8) -> bool {
        match self.0.compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(now) => now == to,
        }
    }
}
