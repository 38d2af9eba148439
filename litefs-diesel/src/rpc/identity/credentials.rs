//! What this node presents and accepts at one time.

use std::sync::Arc;

use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, Error, ServerConfig};

use super::authorities::{self, Authorities, Named, Wrong};
use super::files::{LoadError, Material};
use super::pins::{self, Pins};
use super::secret;
use crate::config::{IdentityFile, IdentitySettings, SecretFrom};

/// What the two agree to speak inside: who has a certificate for something else of the same
/// authorities does not get in by mistake.
pub(super) const PROTOCOL: &[u8] = b"litefs-diesel";

/// All of it. It has no `Debug`.
pub(super) struct Credentials {
    /// This node's certificate, or public key.
    own: CertificateDer<'static>,
    accepts: Accepts,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// Whom this node accepts.
enum Accepts {
    Pins(Arc<Pins>),
    Authorities(Arc<Authorities>),
}

/// Which end of a connection this node is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Calling,
    Called,
}

/// Where what was agreed on a connection stands now.
#[derive(Debug, PartialEq)]
pub(super) enum Standing {
    Current,
    /// This node presents something else by now: a new connection is to take its place.
    Outdated,
    /// What one of the two presented is not accepted any more.
    Dropped,
}

impl Credentials {
    /// Makes them of what was read. `Err` names the setting, and no secret.
    pub(super) fn of(
        material: &Material,
        settings: &IdentitySettings,
        cluster: &str,
    ) -> Result<Self, LoadError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        match (material, settings) {
            (Material::Secret(text), IdentitySettings::Secret(from)) => {
                let setting = match from {
                    SecretFrom::File(file) => file.setting,
                    SecretFrom::Text(_) => "cluster.secret",
                };
                Self::shared(text, cluster, provider).map_err(|why| match from {
                    SecretFrom::File(file) => {
                        LoadError::new(setting, format!("{}: {why}", file.path.display()))
                    }
                    SecretFrom::Text(_) => LoadError::new(setting, why),
                })
            }
            (
                Material::Certificates { authorities: trusted, certificate: own, key: private },
                IdentitySettings::Certificates { authorities, certificate, key },
            ) => {
                let trusted =
                    Authorities::parse(trusted, &provider).map_err(|why| LoadError::of(authorities, why))?;
                Self::certified(&trusted, own, private, provider).map_err(|(wrong, why)| {
                    let file: &IdentityFile = match wrong {
                        Wrong::Certificate => certificate,
                        Wrong::Key => key,
                    };
                    LoadError::of(file, why)
                })
            }
            _ => Err(LoadError::new(
                "cluster.secret_file",
                "it is of another kind than when this node started",
            )),
        }
    }

    fn shared(text: &[u8], cluster: &str, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let secrets = secret::parse(text).map_err(|error| error.to_string())?;
        let keys: Result<Vec<_>, _> = secrets.iter().map(|secret| pins::key(secret, cluster)).collect();
        let mut keys = keys.map_err(|error| error.to_string())?.into_iter();
        let (key, own) = keys.next().ok_or("there is no secret in it")?;
        let accepted = std::iter::once(own.clone()).chain(keys.map(|(_, pin)| pin)).collect();
        let pins = Arc::new(Pins::new(accepted, provider.signature_verification_algorithms));
        let failed = |error: Error| error.to_string();
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(pins.clone())
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key.clone())));
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(failed)?
            .with_client_cert_verifier(pins.clone())
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key)));
        Ok(Self::new(own, Accepts::Pins(pins), client, server))
    }

    fn certified(
        trusted: &Arc<Authorities>,
        certificate: &[u8],
        key: &[u8],
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, (Wrong, String)> {
        let key = authorities::own(certificate, key, &provider)?;
        let wrong = |why: String| (Wrong::Certificate, why);
        let own = key.end_entity_cert().map_err(|error| wrong(error.to_string()))?.clone().into_owned();
        // No other node would take it either, and would say so less clearly.
        let now = UnixTime::now();
        let as_server = trusted.check_server(&key.cert, now);
        as_server.and_then(|()| trusted.check_client(&key.cert, now)).map_err(|error| {
            wrong(format!(
                "would be refused by every node: {error}. It has to be signed by an authority of `cluster.ca_file`, in \
                 its time, and for servers and clients both"
            ))
        })?;
        let key = Arc::new(SingleCertAndKey::from(key));
        let failed = |error: Error| wrong(error.to_string());
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(failed)?
            .dangerous()
            // Nobody; the name is known when somebody is called.
            .with_custom_certificate_verifier(Arc::new(Named { authorities: trusted.clone(), names: vec![] }))
            .with_client_cert_resolver(key.clone());
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(failed)?
            .with_client_cert_verifier(trusted.clients.clone())
            .with_cert_resolver(key);
        Ok(Self::new(own, Accepts::Authorities(trusted.clone()), client, server))
    }

    fn new(
        own: CertificateDer<'static>,
        accepts: Accepts,
        mut client: ClientConfig,
        mut server: ServerConfig,
    ) -> Self {
        // Every handshake is a whole one: a resumed session would skip the check of who is there.
        client.resumption = Resumption::disabled();
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        // Nobody on the way needs to see whom this node calls.
        client.enable_sni = false;
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        server.alpn_protocols = vec![PROTOCOL.to_vec()];
        Self { own, accepts, server: Arc::new(server), client: Arc::new(client) }
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// For calling a node whose certificate has one of these names.
    pub(super) fn client(&self, names: Vec<String>) -> Arc<ClientConfig> {
        match &self.accepts {
            Accepts::Pins(_) => Arc::clone(&self.client),
            Accepts::Authorities(authorities) => {
                let mut client = (*self.client).clone();
                let named = Named { authorities: authorities.clone(), names };
                client.dangerous().set_certificate_verifier(Arc::new(named));
                Arc::new(client)
            }
        }
    }

    /// Whether nodes have certificates, with names in them.
    pub(super) fn has_names(&self) -> bool {
        matches!(self.accepts, Accepts::Authorities(_))
    }

    /// Why its own certificate is not one of a node with one of these names, if it is not.
    pub(super) fn misnamed(&self, names: &[String]) -> Option<String> {
        let named = authorities::check_name(std::slice::from_ref(&self.own), names);
        named.err().filter(|_| self.has_names()).map(|error| error.to_string())
    }

    /// Where a connection stands on which this node presented what `before` has, and the other `peer`.
    pub(super) fn standing(&self, before: &Self, end: End, peer: &[CertificateDer<'_>]) -> Standing {
        let now = UnixTime::now();
        let accepted = match &self.accepts {
            Accepts::Pins(pins) => {
                peer.first().is_some_and(|pin| pins.accept(pin)) && pins.accept(&before.own)
            }
            Accepts::Authorities(authorities) => match end {
                End::Calling => authorities.check_server(peer, now).is_ok(),
                End::Called => authorities.check_client(peer, now).is_ok(),
            },
        };
        match accepted {
            false => Standing::Dropped,
            true if before.own != self.own => Standing::Outdated,
            true => Standing::Current,
        }
    }
}
