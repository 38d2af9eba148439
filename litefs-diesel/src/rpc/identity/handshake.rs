//! Making sure who is at the other end, before a word is said.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, CommonState, Error};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Stream;
use super::credentials::{Credentials, End, PROTOCOL};
use super::session::Session;

/// How long one who was refused may take to hear it.
const FAREWELL: Duration = Duration::from_millis(250);

/// Why two nodes do not know each other.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("the TLS handshake was not done in time")]
    Timeout,
    #[error(
        "the other node does not have this cluster's secret (settings `cluster.secret_file` and `cluster.name`, which have \
         to be the same on all nodes)"
    )]
    Secret,
    #[error("the other node's certificate is not accepted: {0} (setting `cluster.ca_file`)")]
    Certificate(Error),
    #[error("the other node says that it is `{node}`, and its certificate is another one's: {error}")]
    Name { node: String, error: Error },
    #[error("the other node presented nothing by which to know it: give it this cluster's identity")]
    Nothing,
    #[error("the other node did not accept what this one presented ({0:?}): do both have the same identity?")]
    Refused(AlertDescription),
    #[error(
        "what is there does not speak TLS 1.3 as nodes do ({0}): does the other node have the same kind of identity, and \
         is it a node of this version?"
    )]
    Foreign(Error),
    #[error(
        "the connection broke during the TLS handshake (does the other node have an identity, too?): {0}"
    )]
    Io(io::Error),
}

impl IdentityError {
    /// Whether waiting cannot mend it: somebody must change a setting or a file.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Timeout | Self::Io(_))
    }

    /// What an error of a stream says of the identity, if anything: that this node was refused is
    /// heard with the first bytes that come, after the handshake.
    pub(crate) fn behind(error: &io::Error) -> Option<Self> {
        match error.get_ref()?.downcast_ref::<Error>()? {
            Error::AlertReceived(AlertDescription::CloseNotify | AlertDescription::UserCanceled) => None,
            error => Some(Self::of(error)),
        }
    }

    fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => Self::Secret,
            Error::InvalidCertificate(_) => Self::Certificate(error.clone()),
            Error::NoCertificatesPresented => Self::Nothing,
            Error::AlertReceived(alert) if is_of_identity(*alert) => Self::Refused(*alert),
            error => Self::Foreign(error.clone()),
        }
    }
}

impl From<io::Error> for IdentityError {
    fn from(error: io::Error) -> Self {
        Self::behind(&error).unwrap_or(Self::Io(error))
    }
}

fn is_of_identity(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::AccessDenied
            | A::BadCertificate
            | A::CertificateExpired
            | A::CertificateRequired
            | A::CertificateRevoked
            | A::CertificateUnknown
            | A::DecryptError
            | A::UnknownCA
            | A::UnsupportedCertificate
    )
}

/// The one who called.
pub(super) async fn connect<T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    names: Vec<String>,
    now: watch::Receiver<Arc<Credentials>>,
    deadline: Instant,
) -> Result<(Stream<T>, Session), IdentityError> {
    let credentials = Arc::clone(&now.borrow());
    // What is checked are `names`, or a key; this one goes nowhere.
    let name =
        ServerName::try_from("litefs-diesel").map_err(|error| IdentityError::Io(io::Error::other(error)))?;
    let connector = TlsConnector::from(credentials.client(names));
    let stream = within(deadline, connector.connect(name, io)).await??;
    let session = session(stream.get_ref().1, credentials, End::Calling, now)?;
    Ok((Stream::Right(Box::new(stream.into())), session))
}

/// The one who was called.
pub(super) async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    now: watch::Receiver<Arc<Credentials>>,
    deadline: Instant,
) -> Result<(Stream<T>, Session), IdentityError> {
    let credentials = Arc::clone(&now.borrow());
    let acceptor = TlsAcceptor::from(credentials.server());
    match within(deadline, acceptor.accept(io).into_fallible()).await? {
        Ok(stream) => {
            let session = session(stream.get_ref().1, credentials, End::Called, now)?;
            Ok((Stream::Right(Box::new(stream.into())), session))
        }
        Err((error, io)) => {
            let error = IdentityError::from(error);
            if matches!(error, IdentityError::Secret | IdentityError::Certificate(_) | IdentityError::Nothing)
            {
                tell(io, deadline).await;
            }
            Err(error)
        }
    }
}

fn session(
    state: &CommonState,
    credentials: Arc<Credentials>,
    end: End,
    now: watch::Receiver<Arc<Credentials>>,
) -> Result<Session, IdentityError> {
    if state.alpn_protocol() != Some(PROTOCOL) {
        return Err(IdentityError::Foreign(Error::NoApplicationProtocol));
    }
    let peer = state.peer_certificates().ok_or(IdentityError::Nothing)?.to_vec();
    Ok(Session::tls(credentials, end, peer, now))
}

/// The one who called takes the handshake for done and has sent more by now. Bytes that nobody has
/// read would make the system throw away what says why it was refused.
async fn tell(mut io: impl AsyncRead + AsyncWrite + Unpin, deadline: Instant) {
    let told = async {
        io.shutdown().await?;
        let mut rest = io.take(16 << 10);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout_at(deadline.min(Instant::now() + FAREWELL).into(), told).await;
}

async fn within<T>(deadline: Instant, handshake: impl Future<Output = T>) -> Result<T, IdentityError> {
    tokio::time::timeout_at(deadline.into(), handshake).await.map_err(|_| IdentityError::Timeout)
}
