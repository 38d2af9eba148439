//! Settling a write whose transaction is open: the thread serves that one, and has to be told.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::transaction;
use crate::request::RequestId;

/// The writes that are being settled, and the transaction that is open.
#[derive(Default)]
pub(super) struct Settles(Mutex<State>);

#[derive(Default)]
struct State {
    /// One for each question in the queue, or on its way there.
    asked: Vec<RequestId>,
    open: Option<(RequestId, Weak<SyncSender<transaction::Command>>)>,
}

/// A question that is asked. Dropping it says that it is answered, or never will be.
pub(super) struct Asked {
    settles: Arc<Settles>,
    id: RequestId,
}

impl Settles {
    /// Somebody asks to settle a write: its transaction, if it is open, ends now.
    pub(super) fn ask(self: &Arc<Self>, id: RequestId) -> Asked {
        let mut state = self.0.lock();
        state.asked.push(id);
        let open = state.open.as_ref().filter(|(open, _)| *open == id);
        if let Some(commands) = open.and_then(|(_, commands)| commands.upgrade()) {
            // When it is full, the thread looks after the one that is in it.
            let _ = commands.try_send(transaction::Command::Look);
        }
        Asked { settles: self.clone(), id }
    }

    /// Whether the transaction of that write has to end.
    pub(super) fn is_asked(&self, id: RequestId) -> bool {
        self.0.lock().asked.contains(&id)
    }

    /// The transaction of that write is open, and listens there.
    pub(super) fn opened(&self, id: RequestId, commands: &Arc<SyncSender<transaction::Command>>) {
        self.0.lock().open = Some((id, Arc::downgrade(commands)));
    }

    pub(super) fn closed(&self) {
        self.0.lock().open = None;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.settles.0.lock();
        if let Some(at) = state.asked.iter().position(|id| *id == self.id) {
            state.asked.swap_remove(at);
        }
    }
}
