//! Connections that lie in a pool: their files can be closed from outside.
//!
//! While a file of its mount is open, LiteFS can neither unmount nor start again. A connection in
//! use is in nobody else's hands; one that a pool took back lays its own into a slot.

use std::sync::{Arc, Weak};

use diesel::sqlite::SqliteConnection;
use parking_lot::Mutex;

/// Where one connection lays what it reads with, while a pool keeps it.
pub(super) type Slot = Mutex<Option<SqliteConnection>>;

/// The slots of a database's connections.
#[derive(Default)]
pub(crate) struct Idle(Mutex<Vec<Weak<Slot>>>);

impl Idle {
    /// A slot for one more connection. Those of dropped ones go.
    pub(super) fn slot(&self) -> Arc<Slot> {
        let slot = Arc::<Slot>::default();
        let mut slots = self.0.lock();
        slots.retain(|slot| slot.strong_count() > 0);
        slots.push(Arc::downgrade(&slot));
        slot
    }

    /// Closes the files of all connections that lie idle. Each opens its own anew when it is used.
    pub(crate) fn close_all(&self) {
        for slot in self.0.lock().iter().filter_map(Weak::upgrade) {
            *slot.lock() = None;
        }
    }
}
