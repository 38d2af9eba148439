//! Who is at the other end, and whether that still counts.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::authorities::check_name;
use super::credentials::{Credentials, End, Standing};
use super::handshake::IdentityError;

/// What the handshake of one connection came to.
pub(crate) struct Session(Option<Tls>);

struct Tls {
    /// What this node presented.
    before: Arc<Credentials>,
    end: End,
    /// What the other presented: its key, or its certificate and those behind it.
    peer: Vec<CertificateDer<'static>>,
    now: watch::Receiver<Arc<Credentials>>,
}

/// Who the other node has proved to be. What it may do can depend on that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeerIdentity {
    /// Nobody: it is on this machine.
    Unproved,
    /// One of those who have the secret. Its name is what it says.
    SharedSecret,
    /// The node of this name: its certificate says so, too.
    Certificate { node: String },
}

impl fmt::Display for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unproved => f.write_str("unproved"),
            Self::SharedSecret => f.write_str("shared secret"),
            Self::Certificate { node } => write!(f, "certificate of {node}"),
        }
    }
}

impl Session {
    pub(super) fn plain() -> Self {
        Self(None)
    }

    pub(super) fn tls(
        before: Arc<Credentials>,
        end: End,
        peer: Vec<CertificateDer<'static>>,
        now: watch::Receiver<Arc<Credentials>>,
    ) -> Self {
        Self(Some(Tls { before, end, peer, now }))
    }

    /// Who is there, when it says that it is `node`, whose certificate has one of `names`. Fails when
    /// it has a certificate, and that of another.
    pub(crate) fn proves(&self, node: &str, names: &[String]) -> Result<PeerIdentity, IdentityError> {
        match &self.0 {
            None => Ok(PeerIdentity::Unproved),
            Some(tls) if !tls.before.has_names() => Ok(PeerIdentity::SharedSecret),
            Some(tls) => match check_name(&tls.peer, names) {
                Ok(()) => Ok(PeerIdentity::Certificate { node: node.to_owned() }),
                Err(error) => Err(IdentityError::Name { node: node.to_owned(), error }),
            },
        }
    }

    /// Cancels `outdated` once this node presents something else, and `dropped` once what was presented
    /// on this connection is not accepted any more. Never returns: it is for polling while the
    /// connection lives.
    pub(crate) async fn watch(self, outdated: CancellationToken, dropped: CancellationToken) {
        let Some(Tls { before, end, peer, mut now }) = self.0 else { return std::future::pending().await };
        loop {
            let standing = now.borrow_and_update().standing(&before, end, &peer);
            match standing {
                Standing::Current => {}
                Standing::Outdated => outdated.cancel(),
                Standing::Dropped => {
                    outdated.cancel();
                    dropped.cancel();
                    return std::future::pending().await;
                }
            }
            if now.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}
