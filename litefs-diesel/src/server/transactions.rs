//! The transactions that one connection has open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::request::OpenTransaction;
use crate::request::Refusal;
use crate::shares::{Share, Shares};

/// Its transactions, by the caller's numbers for them.
///
/// While a call runs in one, the call has it: a call that is dropped takes its transaction with
/// it, which rolls it back.
pub(super) struct Transactions {
    own: Arc<Shares>,
    all: Arc<Shares>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    closed: bool,
    slots: HashMap<u64, Kept>,
}

/// One of them, and its part of what this connection and all may have.
struct Kept {
    slot: Slot,
    _shares: (Share, Share),
}

enum Slot {
    /// Between two calls.
    Idle(Box<dyn OpenTransaction>),
    /// A call has it, or it is being opened.
    InUse,
    /// A call has it, and must not give it back.
    Doomed,
}

impl Transactions {
    /// At most `most` of them, and with those of other connections as many as `all` has.
    pub(super) fn new(most: usize, all: Arc<Shares>) -> Arc<Self> {
        let own = Shares::new("limits.transactions_per_connection", most);
        Arc::new(Self { own, all, open: Mutex::default() })
    }

    /// A place for a transaction that is about to be opened.
    pub(super) fn reserve(self: &Arc<Self>, id: u64) -> Result<Place, Refusal> {
        let mut open = self.open.lock();
        if open.closed {
            return Err(Refusal::ShuttingDown);
        }
        match open.slots.entry(id) {
            Entry::Occupied(_) => Err(Refusal::Refused(format!("there is a transaction {id} already"))),
            Entry::Vacant(slot) => {
                let shares = self.own.take(1).and_then(|own| Ok((own, self.all.take(1)?)));
                slot.insert(Kept { slot: Slot::InUse, _shares: shares.map_err(Refusal::Overloaded)? });
                Ok(Place { transactions: Arc::clone(self), id })
            }
        }
    }

    /// Takes a transaction for one call.
    pub(super) fn take(self: &Arc<Self>, id: u64) -> Result<(Place, Box<dyn OpenTransaction>), Refusal> {
        let mut open = self.open.lock();
        let Some(Kept { slot, .. }) = open.slots.get_mut(&id) else {
            return Err(Refusal::TransactionEnded("the primary has no such transaction open".into()));
        };
        match std::mem::replace(slot, Slot::InUse) {
            Slot::Idle(transaction) => Ok((Place { transactions: Arc::clone(self), id }, transaction)),
            busy => {
                *slot = busy;
                Err(Refusal::Refused("another statement still runs in this transaction".into()))
            }
        }
    }

    /// Takes a transaction to roll it back, now or when the call that has it ends.
    pub(super) fn take_back(self: &Arc<Self>, id: u64) -> Result<(Place, Box<dyn OpenTransaction>), Refusal> {
        if let Some(Kept { slot: slot @ Slot::InUse, .. }) = self.open.lock().slots.get_mut(&id) {
            *slot = Slot::Doomed;
        }
        match self.take(id) {
            Err(Refusal::Refused(_)) => {
                Err(Refusal::TransactionEnded("it was rolled back while a statement ran in it".into()))
            }
            other => other,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.lock().slots.is_empty()
    }

    /// Ends all of them, those too that calls still have.
    pub(super) fn close(&self) {
        let slots = {
            let mut open = self.open.lock();
            open.closed = true;
            std::mem::take(&mut open.slots)
        };
        drop(slots); // rolls back, which is not done under the lock
    }
}

/// The place of a transaction that a call has. Dropped, it is free, and the transaction is gone.
pub(super) struct Place {
    transactions: Arc<Transactions>,
    id: u64,
}

impl Place {
    /// Gives the transaction back for the next call.
    pub(super) fn keep(self, transaction: Box<dyn OpenTransaction>) -> Result<(), Refusal> {
        let mut open = self.transactions.open.lock();
        match open.slots.get_mut(&self.id) {
            Some(Kept { slot: slot @ Slot::InUse, .. }) => {
                *slot = Slot::Idle(transaction);
                Ok(())
            }
            _ => {
                drop(open);
                drop(transaction);
                Err(Refusal::TransactionEnded("its caller gave it up".into()))
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.transactions.open.lock();
        if let Some(Kept { slot: Slot::InUse | Slot::Doomed, .. }) = open.slots.get(&self.id) {
            open.slots.remove(&self.id);
        }
    }
}
