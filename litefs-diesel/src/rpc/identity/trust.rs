//! What this node presents and accepts now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::Stream;
use super::credentials::Credentials;
use super::files::{LoadError, Material};
use super::handshake::{self, IdentityError};
use super::reload;
use super::session::Session;
use crate::config::IdentitySettings;

/// How a connection of bytes becomes one between nodes that know each other. Cheap to clone; all clones
/// change together.
#[derive(Clone)]
pub(crate) enum Transport {
    /// Not at all.
    Plain,
    Tls(Arc<Trust>),
}

/// An identity, and where it is from.
pub(crate) struct Trust {
    settings: IdentitySettings,
    /// The cluster's name, which is in the keys.
    cluster: String,
    current: watch::Sender<Arc<Credentials>>,
    /// Of what the present credentials were made of.
    digest: Mutex<[u8; 32]>,
}

impl Transport {
    /// Reads the identity that the settings name. Blocks on its files.
    pub(crate) fn load(settings: &IdentitySettings, cluster: &str) -> Result<Self, LoadError> {
        let Some(material) = Material::read(settings)? else { return Ok(Self::Plain) };
        let credentials = Credentials::of(&material, settings, cluster)?;
        Ok(Self::Tls(Arc::new(Trust {
            settings: settings.clone(),
            cluster: cluster.to_owned(),
            current: watch::Sender::new(Arc::new(credentials)),
            digest: Mutex::new(material.digest()),
        })))
    }

    /// Whether anybody who reaches the other end could read and say what he likes.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Why other nodes would not take this one for the node whose certificate has one of these names, if
    /// they would not.
    pub(crate) fn misnamed(&self, names: &[String]) -> Option<String> {
        match self {
            Self::Plain => None,
            Self::Tls(trust) => trust.current.borrow().misnamed(names),
        }
    }

    /// The end of a connection that called a node, whose certificate has one of these names. Nothing
    /// of the application has been sent when this returns.
    pub(crate) async fn connect<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: T,
        names: Vec<String>,
        deadline: Instant,
    ) -> Result<(Stream<T>, Session), IdentityError> {
        match self {
            Self::Plain => Ok((Stream::Left(io), Session::plain())),
            Self::Tls(trust) => handshake::connect(io, names, trust.current.subscribe(), deadline).await,
        }
    }

    /// The end of a connection that was called.
    pub(crate) async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: T,
        deadline: Instant,
    ) -> Result<(Stream<T>, Session), IdentityError> {
        match self {
            Self::Plain => Ok((Stream::Left(io), Session::plain())),
            Self::Tls(trust) => handshake::accept(io, trust.current.subscribe(), deadline).await,
        }
    }

    /// Looks at the files every so often, and takes what they say when it has changed. Returns when
    /// there is nothing that could change. Needs a runtime with timers.
    pub(crate) async fn keep(self, every: Duration) {
        match self {
            Self::Tls(trust) if trust.settings.has_files() => reload::keep(trust, every).await,
            Self::Tls(_) | Self::Plain => {}
        }
    }
}

impl Trust {
    #[cfg(test)]
    pub(super) fn changes(&self) -> watch::Receiver<Arc<Credentials>> {
        self.current.subscribe()
    }

    /// What its files say now, and whether that is something else than what is in use. Blocks.
    pub(super) fn look(&self) -> Result<Option<(Material, [u8; 32])>, LoadError> {
        let material = Material::read(&self.settings)?;
        let with_digest = material.map(|material| {
            let digest = material.digest();
            (material, digest)
        });
        Ok(with_digest.filter(|(_, digest)| *digest != *self.digest.lock()))
    }

    /// Takes it, if it is an identity at all; connections learn of it.
    pub(super) fn take(&self, material: &Material) -> Result<(), LoadError> {
        let credentials = Credentials::of(material, &self.settings, &self.cluster)?;
        *self.digest.lock() = material.digest();
        self.current.send_replace(Arc::new(credentials));
        Ok(())
    }
}
