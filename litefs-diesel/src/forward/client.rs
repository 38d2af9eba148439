//! This process as a client of one database's ledger: its sequences, and which are over.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::request::RequestId;

/// Names the writes of this process, one after the other, and knows up to which all are over.
pub(super) struct LedgerClient {
    id: u128,
    state: Mutex<State>,
}

struct State {
    next: u64,
    /// Those that may still be asked for.
    open: BTreeSet<u64>,
}

/// A write's own number, from its first attempt until nobody will ask for it any more: its caller is
/// answered, and this node has forgotten it. Then it is dropped.
pub(super) struct Sequence {
    client: Arc<LedgerClient>,
    sequence: u64,
}

impl LedgerClient {
    /// `id` is a random number of this process start.
    pub(super) fn new(id: u128) -> Arc<Self> {
        Arc::new(Self { id, state: Mutex::new(State { next: 1, open: BTreeSet::new() }) })
    }

    pub(super) fn begin(self: &Arc<Self>) -> Sequence {
        let mut state = self.state.lock();
        let sequence = state.next;
        state.next += 1;
        state.open.insert(sequence);
        Sequence { client: Arc::clone(self), sequence }
    }

    /// The watermark: all sequences up to this one are over.
    fn forgotten(&self) -> u64 {
        let state = self.state.lock();
        state.open.first().copied().unwrap_or(state.next) - 1
    }
}

impl Sequence {
    pub(super) fn id(&self) -> RequestId {
        RequestId { client: self.client.id, sequence: self.sequence }
    }

    /// The client's watermark as of now; below this sequence.
    pub(super) fn forgotten(&self) -> u64 {
        self.client.forgotten()
    }
}

impl Drop for Sequence {
    fn drop(&mut self) {
        self.client.state.lock().open.remove(&self.sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_is_below_the_oldest_write_that_is_not_over() {
        let client = LedgerClient::new(7);
        let (first, second) = (client.begin(), client.begin());
        assert_eq!((first.id().sequence, second.id().sequence), (1, 2));
        assert_eq!(second.forgotten(), 0);
        drop(first);
        assert_eq!(second.forgotten(), 1);
        let third = client.begin();
        drop(second);
        assert_eq!(third.forgotten(), 2);
        drop(third);
        assert_eq!(client.forgotten(), 3);
    }
}
