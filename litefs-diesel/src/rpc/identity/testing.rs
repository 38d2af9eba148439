//! Identities for tests: secrets, authorities, files, and ends of connections that are not ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::{IdentityError, Session, Stream, Transport};
use crate::config::{IdentityFile, IdentitySettings, SecretFrom, SecretText};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How often a test's node looks at its files.
const EVERY: Duration = Duration::from_millis(10);

/// A secret that nobody has.
pub(crate) fn secret() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    BASE64.encode(&bytes)
}

/// By this secret, of this cluster.
pub(crate) fn by_secret(secret: &str, cluster: &str) -> Transport {
    let text = SecretText::new(secret.to_owned());
    Transport::load(&IdentitySettings::Secret(SecretFrom::Text(text)), cluster).unwrap()
}

/// The files of one node's identity.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a file there as a whole, as tools do that replace what others read.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    fn file(&self, setting: &'static str, name: &str, private: bool) -> IdentityFile {
        IdentityFile { setting, path: self.path(name), private }
    }

    /// Of the file `secret`.
    pub(crate) fn by_secret(&self) -> IdentitySettings {
        IdentitySettings::Secret(SecretFrom::File(self.file("cluster.secret_file", "secret", true)))
    }

    /// Of the files `ca`, `cert` and `key`.
    pub(crate) fn by_certificate(&self) -> IdentitySettings {
        IdentitySettings::Certificates {
            authorities: self.file("cluster.ca_file", "ca", false),
            certificate: self.file("cluster.cert_file", "cert", false),
            key: self.file("cluster.key_file", "key", true),
        }
    }

    pub(crate) fn put_certificate(&self, own: &Own) {
        self.put("cert", &own.certificate);
        self.put("key", &own.key);
    }
}

/// Signs certificates of nodes.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A node's certificate and its key, in PEM.
pub(crate) struct Own {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self(CertifiedIssuer::self_signed(Self::params(), KeyPair::generate().unwrap()).unwrap())
    }

    /// One that signs in this one's name.
    pub(crate) fn deputy(&self) -> Self {
        let params = Self::params();
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    fn params() -> CertificateParams {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("authority {}", NUMBERS.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn sign(&self, name: &str) -> Own {
        self.sign_until(name, 4000)
    }

    /// Valid until the beginning of that year.
    pub(crate) fn sign_until(&self, name: &str, year: i32) -> Own {
        self.sign_with(name, |params| params.not_after = rcgen::date_time_ymd(year, 1, 1))
    }

    pub(crate) fn sign_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Own {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Own { certificate, key: key.serialize_pem() }
    }

    /// A node of this name, which accepts what this authority signs.
    pub(crate) fn node(&self, name: &str) -> Transport {
        let files = Files::new();
        files.put("ca", &self.pem());
        files.put_certificate(&self.sign(name));
        Transport::load(&files.by_certificate(), "shop").unwrap()
    }

    /// A caller that is not ours: with any certificate, or none.
    pub(crate) fn foreign(
        &self,
        own: Option<&Own>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => config.with_no_client_auth(),
            Some(own) => {
                let chain = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![chain], key).unwrap()
            }
        };
        config.alpn_protocols = vec![super::credentials::PROTOCOL.to_vec()];
        config
    }
}

impl Own {
    /// A node that is not ours, with this certificate, which asks for none.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        config.alpn_protocols = vec![super::credentials::PROTOCOL.to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// The authorities of several, in one file.
pub(crate) fn bundle(authorities: &[&Authority]) -> String {
    authorities.iter().map(|authority| authority.pem()).collect()
}

/// A node whose files are followed.
pub(crate) struct Followed {
    pub(crate) files: Files,
    pub(crate) transport: Transport,
    _keeping: AbortOnDropHandle<()>,
}

impl Followed {
    /// Of the cluster `shop`.
    pub(crate) fn keep(settings: &IdentitySettings, files: Files) -> Self {
        let transport = Transport::load(settings, "shop").unwrap();
        let keeping = tokio::spawn(transport.clone().keep(EVERY));
        Self { files, transport, _keeping: AbortOnDropHandle::new(keeping) }
    }

    pub(crate) fn with_secret(text: &str) -> Self {
        let files = Files::new();
        files.put("secret", text);
        Self::keep(&files.by_secret(), files)
    }

    pub(crate) fn with_certificates(authorities: &[&Authority], own: &Own) -> Self {
        let files = Files::new();
        files.put("ca", &bundle(authorities));
        files.put_certificate(own);
        Self::keep(&files.by_certificate(), files)
    }

    /// Changes something in its files, and waits until it is in use.
    pub(crate) async fn change(&self, put: impl FnOnce(&Files)) {
        let Transport::Tls(trust) = &self.transport else { panic!("plain text") };
        let mut changed = trust.changes();
        put(&self.files);
        tokio::time::timeout(PATIENCE, changed.changed()).await.expect("the change is seen").unwrap();
    }

    pub(crate) async fn put_secret(&self, text: &str) {
        self.change(|files| files.put("secret", text)).await;
    }
}

/// Both ends of a TCP connection.
pub(crate) async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let calling = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (calling, listener.accept().await.unwrap().0)
}

pub(crate) fn soon() -> Instant {
    Instant::now() + PATIENCE
}

/// One end after the handshake, and a byte each way.
pub(crate) type Met = Result<(Stream<TcpStream>, Session), IdentityError>;

/// One calls the other, by this name; what each of them comes to.
pub(crate) async fn meet(calling: &Transport, called: &Transport, name: &str) -> (Met, Met) {
    let (there, here) = connection().await;
    let called = async { pinged(called.accept(here, soon()).await?).await };
    let calling = async { pinged(calling.connect(there, vec![name.to_owned()], soon()).await?).await };
    tokio::join!(calling, called)
}

async fn pinged((mut stream, session): (Stream<TcpStream>, Session)) -> Met {
    stream.write_all(b"!").await?;
    stream.flush().await?;
    let mut byte = [0];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut byte)).await.expect("an answer or an error")?;
    Ok((stream, session))
}
