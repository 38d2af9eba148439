//! Keys made of the shared secret, presented as they are (RFC 7250) and pinned.

use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::sign::any_eddsa_type;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible, SignatureScheme,
};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::secret::Secret;

/// Sets these keys apart from whatever else somebody may derive of the same secret. Part of the protocol,
/// as what is behind it in [`key`]: nodes of all releases have to come to the same key.
const SALT: &[u8] = b"litefs-diesel between nodes, version 1";

/// What is before the seed in a private key of Ed25519: PKCS #8, as RFC 8410 has it.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A node's public key, in the place where others have a certificate.
pub(super) type Pin = CertificateDer<'static>;

/// The key that this secret gives to the cluster of this name. Another name gives another key, so that
/// two clusters with the same secret stay apart.
pub(super) fn key(secret: &Secret, cluster: &str) -> Result<(Arc<CertifiedKey>, Pin), Error> {
    const SEED: usize = 32;
    let impossible = |what: &str| Error::General(format!("no key could be made of the secret: {what}"));
    let mut der = Zeroizing::new([0; PKCS8.len() + SEED]);
    der[..PKCS8.len()].copy_from_slice(&PKCS8);
    let derived = Hkdf::<Sha256>::new(Some(SALT), secret.bytes());
    derived
        .expand_multi_info(&[b"Ed25519 ", cluster.as_bytes()], &mut der[PKCS8.len()..])
        .map_err(|error| impossible(&error.to_string()))?;
    let signing = any_eddsa_type(&PrivatePkcs8KeyDer::from(&der[..]))?;
    let public = signing.public_key().ok_or_else(|| impossible("it has no public key"))?;
    let pin = CertificateDer::from(public.as_ref().to_vec());
    Ok((Arc::new(CertifiedKey::new(vec![pin.clone()], signing)), pin))
}

/// Accepts whoever has one of these keys, as the one who calls and as the one who is called.
pub(super) struct Pins {
    accepted: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// How many. The keys are no secret, but with one of them secrets can be tried.
impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pins({})", self.accepted.len())
    }
}

impl Pins {
    pub(super) fn new(accepted: Vec<Pin>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { accepted, algorithms }
    }

    pub(super) fn accept(&self, pin: &CertificateDer<'_>) -> bool {
        self.accepted.iter().any(|accepted| accepted == pin)
    }

    fn check(&self, presented: &CertificateDer<'_>) -> Result<(), Error> {
        match self.accept(presented) {
            true => Ok(()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn signature(
        &self,
        message: &[u8],
        presented: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(presented.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }
}

/// TLS 1.2 is never spoken.
pub(super) fn too_old() -> Error {
    PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into()
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(presented).map(|()| ServerCertVerified::assertion())
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
        presented: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, presented, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pins {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        presented: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(presented).map(|()| ClientCertVerified::assertion())
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
        presented: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, presented, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
