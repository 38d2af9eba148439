//! Finding out who connects: TLS, then the hello, by one deadline. Until both are through, nothing that
//! came is looked at as a call, and nothing of the node is told.
//!
//! What a connection may cost before it is known belongs here, and in front of it in `listen`: how many
//! of them there are at once, from where and how often.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::TcpStream;

use super::Services;
use super::reason::Reason;
use crate::rpc::hello::{self, HelloError, Peer, Purpose};
use crate::rpc::identity::{IdentityError, PeerIdentity, Session, Stream};

/// A connection of which is known who is there.
pub(super) struct Admitted {
    pub(super) stream: Stream<TcpStream>,
    pub(super) session: Session,
    /// Who it has proved to be.
    pub(super) identity: PeerIdentity,
    pub(super) peer: Peer,
    pub(super) purpose: Purpose,
}

/// Why one was not let in.
#[derive(Debug, thiserror::Error)]
enum NotAdmitted {
    #[error("it broke before anything was said: {0}")]
    Broken(#[from] std::io::Error),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Hello(#[from] HelloError),
}

impl NotAdmitted {
    fn reason(&self) -> Reason {
        match self {
            Self::Broken(_) => Reason::Broken,
            Self::Identity(error) => Reason::of_identity(error),
            Self::Hello(error) => Reason::of_hello(error),
        }
    }
}

/// `None` when it is not let in, which has been counted and told of.
pub(super) async fn admit(stream: TcpStream, from: SocketAddr, services: &Services) -> Option<Admitted> {
    let admitted = identify(stream, services).await;
    admitted.map_err(|error| services.refused.note(error.reason(), &from, &error)).ok()
}

async fn identify(stream: TcpStream, services: &Services) -> Result<Admitted, NotAdmitted> {
    // An answer is small and waits for nothing.
    stream.set_nodelay(true)?;
    let deadline = Instant::now() + services.limits.hello;
    let (mut stream, session) = services.transport.accept(stream, deadline).await?;
    let (peer, purpose) = hello::welcome(&mut stream, &services.identity, deadline).await?;
    let identity = session.proves(&peer.node, &(services.names)(&peer.node))?;
    Ok(Admitted { stream, session, identity, peer, purpose })
}
