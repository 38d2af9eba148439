//! What LiteFS says of one database, for its writer and for those who wait.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::forward::{NotVisible, Visibility};
use crate::litefs::{Litefs, PositionWatch, WaitError};
use crate::position::Position;
use crate::writer::History;

/// One database of one LiteFS.
pub(super) struct Replicated {
    pub(super) litefs: Arc<Litefs>,
    pub(super) watch: Arc<PositionWatch>,
}

impl History for Replicated {
    fn primary_epoch(&self) -> Option<u64> {
        let view = self.litefs.role();
        view.role.is_primary().then_some(view.epoch)
    }

    fn position(&self) -> io::Result<Position> {
        self.watch.read()?.ok_or_else(|| io::Error::other("LiteFS does not know the database any more"))
    }
}

impl Visibility for Replicated {
    fn expect(&self) {
        self.watch.expect();
    }

    fn wait(
        &self,
        position: Position,
        epoch: u64,
        deadline: Instant,
    ) -> BoxFuture<'static, Result<(), NotVisible>> {
        let wait = self.watch.wait_since(epoch, position, deadline);
        async move {
            wait.await.map(drop).map_err(|error| {
                tracing::debug!(%error, "not visible");
                match error {
                    WaitError::HistoryChanged { .. } => NotVisible::HistoryChanged,
                    _ => NotVisible::Yet,
                }
            })
        }
        .boxed()
    }

    fn trouble(&self) -> Option<String> {
        self.litefs.trouble()
    }
}
