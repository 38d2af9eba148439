//! What is known of one database on LiteFS, for its writer and for those who wait.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::config::RepoSettings;
use crate::config::check::check_on_primary;
use crate::error::NotExecuted;
use crate::forward::{NotVisible, Visibility};
use crate::ledger::{Recall, recall};
use crate::litefs::{Litefs, PositionWatch, WaitError};
use crate::members::{Awaited, Fenced, Members, NotReplicated};
use crate::position::Position;
use crate::reader::Readers;
use crate::request::{Ack, RequestId, Terms};
use crate::writer::History;

/// One database of one LiteFS.
pub(super) struct Replicated {
    settings: RepoSettings,
    litefs: Arc<Litefs>,
    watch: Arc<PositionWatch>,
    members: Arc<Members>,
    readers: Arc<Readers>,
    /// The epoch, plus one, in which this node was primary and its database was not empty.
    filled: AtomicU64,
}

impl Replicated {
    pub(super) fn new(
        settings: RepoSettings,
        litefs: Arc<Litefs>,
        watch: Arc<PositionWatch>,
        members: Arc<Members>,
        readers: Arc<Readers>,
    ) -> Self {
        Self { settings, litefs, watch, members, readers, filled: AtomicU64::new(0) }
    }

    fn epoch(&self) -> Option<u64> {
        let view = self.litefs.role();
        view.role.is_primary().then_some(view.epoch)
    }

    /// Why this database must not be written in that epoch: it is empty, and another node has more,
    /// which LiteFS would replace by what is written here.
    fn empty(&self, epoch: u64) -> Option<String> {
        if self.filled.load(Ordering::Acquire) == epoch + 1 {
            return None;
        }
        let own = match self.watch.read() {
            Ok(own) => own,
            Err(error) => {
                return Some(format!(
                    "LiteFS does not tell whether its database is empty ({error}): does it run?"
                ));
            }
        };
        if own.is_some_and(|own| own.txid > 0) {
            self.filled.store(epoch + 1, Ordering::Release);
            return None;
        }
        let peers = self.members.positions(&self.settings.name);
        check_on_primary(&self.settings, own, &peers).err().map(|error| error.to_string())
    }
}

impl History for Replicated {
    fn primary_epoch(&self) -> Option<u64> {
        let epoch = self.epoch()?;
        (self.members.fenced().is_none() && self.empty(epoch).is_none()).then_some(epoch)
    }

    fn fenced(&self) -> Option<(String, Option<String>)> {
        if let Some(Fenced { why, hint }) = self.members.fenced() {
            return Some((why, hint));
        }
        let why = self.empty(self.epoch()?)?;
        Some((why, None))
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

    fn admits(&self, ack: Ack) -> Result<(), NotExecuted> {
        self.members.admits(ack)
    }

    fn replicated(
        &self,
        position: Position,
        primary: Option<String>,
        epoch: u64,
        Terms { ack, deadline }: Terms,
    ) -> BoxFuture<'static, Result<(), NotReplicated>> {
        let (members, repo) = (self.members.clone(), self.settings.name.clone());
        async move { members.replicated(&Awaited { repo, position, primary, epoch, ack }, deadline).await }
            .boxed()
    }

    fn is_everywhere(&self, position: Position) -> bool {
        self.members.is_everywhere(&self.settings.name, position)
    }

    fn recall(&self, ids: Vec<RequestId>, deadline: Instant) -> BoxFuture<'static, Option<Vec<Recall>>> {
        let recalled = self.readers.run(deadline, move |conn| recall(conn, &ids));
        async move {
            match recalled.await {
                Ok(Ok(recalled)) => Some(recalled),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the ledger cannot be read here");
                    None
                }
                Err(error) => {
                    tracing::debug!(%error, "the ledger cannot be read here");
                    None
                }
            }
        }
        .boxed()
    }
}
