//! Certificates, and the authorities that sign them.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use zeroize::Zeroize;

use super::pins::too_old;

/// Whose certificates are accepted.
pub(super) struct Authorities {
    roots: Arc<RootCertStore>,
    /// For those who call.
    pub(super) clients: Arc<dyn ClientCertVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.roots.len())
    }
}

impl Authorities {
    /// Those in a PEM file. `Err` ends the sentence that begins with the file.
    pub(super) fn parse(pem: &[u8], provider: &Arc<CryptoProvider>) -> Result<Arc<Self>, String> {
        let mut roots = RootCertStore::empty();
        for authority in chain(pem)? {
            roots
                .add(authority)
                .map_err(|error| format!("has a certificate that is no authority's: {error}"))?;
        }
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider))
            // Whoever connects need not know who signs the nodes' certificates.
            .clear_root_hint_subjects()
            .build()
            .map_err(|error| format!("cannot be used: {error}"))?;
        Ok(Arc::new(Self { roots, clients, algorithms: provider.signature_verification_algorithms }))
    }

    /// Whether one of them has signed the certificate of a node that is called, and it is in its time.
    pub(super) fn check_server(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        let (own, between) = split(chain)?;
        let own = ParsedCertificate::try_from(own)?;
        verify_server_cert_signed_by_trust_anchor(&own, &self.roots, between, now, self.algorithms.all)
    }

    /// The same of a node that calls.
    pub(super) fn check_client(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        let (own, between) = split(chain)?;
        self.clients.verify_client_cert(own, between, now).map(drop)
    }
}

/// Whether the certificate has one of these names; those that no certificate can have do not count.
pub(super) fn check_name(chain: &[CertificateDer<'_>], names: &[String]) -> Result<(), Error> {
    let own = ParsedCertificate::try_from(split(chain)?.0)?;
    let mut wrong = CertificateError::NotValidForName.into();
    for name in names.iter().filter_map(|name| ServerName::try_from(name.as_str()).ok()) {
        match verify_server_name(&own, &name) {
            Ok(()) => return Ok(()),
            Err(error) => wrong = error,
        }
    }
    Err(wrong)
}

fn split<'a, 'c>(
    chain: &'a [CertificateDer<'c>],
) -> Result<(&'a CertificateDer<'c>, &'a [CertificateDer<'c>]), Error> {
    chain.split_first().ok_or(Error::NoCertificatesPresented)
}

/// The certificates of a PEM file. `Err` ends the sentence that begins with the file.
fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("has no `BEGIN CERTIFICATE`".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("is not PEM: {error}")),
    }
}

/// This node's own certificate with its key, as they are in two PEM files. `Err` says which of the two
/// is wrong, and why.
pub(super) fn own(
    certificate: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, (Wrong, String)> {
    let chain = chain(certificate).map_err(|why| (Wrong::Certificate, why))?;
    // What a parser says of a key may quote it.
    let mut key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| (Wrong::Key, "has no private key in PEM (`BEGIN PRIVATE KEY`)".to_owned()))?;
    let signing = provider.key_provider.load_private_key(key.clone_key());
    key.zeroize();
    let signing =
        signing.map_err(|_| (Wrong::Key, "has a private key of a kind that is not known here".to_owned()))?;
    let own = CertifiedKey::new(chain, signing);
    match own.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(own),
        Err(_) => Err((Wrong::Key, "does not belong to the certificate in `cluster.cert_file`".to_owned())),
    }
}

/// Which of two files.
pub(super) enum Wrong {
    Certificate,
    Key,
}

/// Accepts the node that is meant, when it is called.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) authorities: Arc<Authorities>,
    /// Its certificate has one of these.
    pub(super) names: Vec<String>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut chain = vec![own.clone()];
        chain.extend_from_slice(between);
        self.authorities.check_server(&chain, now)?;
        check_name(&chain, &self.names)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, own, signed, &self.authorities.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.algorithms.supported_schemes()
    }
}
