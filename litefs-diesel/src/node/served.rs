//! The two ends of one database: reads here, writes on the primary.

use std::sync::Arc;

use super::history::Replicated;
use super::start::Common;
use crate::config::{JournalMode, RepoSettings, StartError};
use crate::connection::{Access, Kinds, registry};
use crate::forward::{Router, RouterParts};
use crate::litefs::PositionWatch;
use crate::reader::Readers;
use crate::request::{Primary, Procedures};
use crate::writer::Writer;

/// A database that this node serves.
pub(super) struct Served {
    pub(super) settings: RepoSettings,
    pub(super) watch: Arc<PositionWatch>,
    pub(super) readers: Arc<Readers>,
    pub(super) writer: Arc<Writer>,
    /// Where its writes run.
    pub(super) primary: Arc<dyn Primary>,
    pub(super) access: Arc<Access>,
    /// What the primary runs for a call.
    pub(super) procedures: Arc<Procedures>,
}

impl Served {
    /// Starts the threads of a database that is there and in order.
    pub(super) fn start(
        settings: RepoSettings,
        journal_mode: JournalMode,
        common: &Common,
    ) -> Result<Arc<Self>, StartError> {
        let system = |error: std::io::Error| StartError::System { why: error.to_string() };
        let watch = common.litefs.database(settings.database.file());
        let gate = watch.clone();
        let readers =
            Readers::start(settings.clone(), Arc::new(move || gate.gate().pass())).map_err(system)?;
        let history = Arc::new(Replicated::new(
            settings.clone(),
            common.litefs.clone(),
            watch.clone(),
            common.members.clone(),
            readers.clone(),
        ));
        let procedures = Arc::<Procedures>::default();
        let writer = Writer::start(
            settings.clone(),
            common.replicated,
            history.clone(),
            readers.clone(),
            procedures.clone(),
        )
        .map_err(system)?;
        let primary: Arc<dyn Primary> = Arc::new(Router::new(RouterParts {
            repo: settings.name.clone(),
            local: writer.clone(),
            roles: common.litefs.roles(),
            peers: common.peers.clone(),
            visibility: history,
            process: common.process,
            lost: settings.lost.clone(),
            keep: settings.ledger_keep,
        }));
        let access = Arc::new(Access {
            name: settings.name.clone(),
            file: settings.database.file().to_owned(),
            primary: primary.clone(),
            readers: readers.clone(),
            kinds: Arc::new(Kinds::new(readers.clone())),
            idle: Arc::default(),
            timeout: settings.timeout,
            ack: settings.ack,
            runtime: common.runtime.clone(),
            foreign_keys: settings.foreign_keys,
            journal_mode: journal_mode.as_str().to_owned(),
        });
        registry::register(&access);
        Ok(Arc::new(Self { settings, watch, readers, writer, procedures, primary, access }))
    }

    /// Opens everything anew before its next use: what was opened before LiteFS went away is dead,
    /// and LiteFS cannot mount again while it is held.
    pub(super) fn renew(&self) {
        self.readers.renew();
        self.writer.renew();
        self.access.kinds.close();
        self.access.idle.close_all();
    }

    /// Ends the threads and closes the files. Blocks for as long as what runs does.
    pub(super) fn stop(&self) {
        registry::unregister(&self.access);
        self.writer.close();
        self.readers.close();
        self.access.kinds.close();
        self.access.idle.close_all();
    }
}
