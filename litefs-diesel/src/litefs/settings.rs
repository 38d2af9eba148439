//! What a node tells this room.

use std::path::PathBuf;
use std::time::Duration;

/// How to reach one LiteFS server, and how patient to be with it.
#[derive(Clone, Debug)]
pub(crate) struct LitefsSettings {
    /// LiteFS's HTTP API, without a path: `http://127.0.0.1:20202`.
    pub(crate) http: String,
    /// The FUSE mount: its files tell the role when HTTP does not answer.
    pub(crate) mount: PathBuf,
    /// How often `/info` is asked where there is no `/events` (LiteFS before 0.5.5). Half of what a
    /// hand-off was seen to leave a cluster without leader at least (134 ms): none is missed.
    pub(crate) poll: Duration,
    /// How often `/info` is asked beside `/events`, which says nothing while nothing happens: so
    /// that a LiteFS that hangs is noticed.
    pub(crate) heartbeat: Duration,
    /// How long one answer may take. LiteFS answers from memory, on this machine.
    pub(crate) timeout: Duration,
    /// The longest pause between two attempts to connect; the first follows at once, the next
    /// after 20 ms, and so on twice as long each.
    pub(crate) reconnect: Duration,
}

impl LitefsSettings {
    /// A LiteFS at `http`, mounted at `mount`, with the defaults.
    pub(crate) fn new(http: impl Into<String>, mount: impl Into<PathBuf>) -> Self {
        let http = http.into();
        Self {
            http: http.trim_end_matches('/').to_owned(),
            mount: mount.into(),
            poll: Duration::from_millis(67),
            heartbeat: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            reconnect: Duration::from_millis(500),
        }
    }
}
