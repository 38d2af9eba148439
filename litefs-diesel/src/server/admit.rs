//! Finding out who connects: TLS, then the hello, by one deadline. Until both are through, nothing that
//! came is looked at as a call, and nothing of the node is told.
//!
//! How many of them there are at once, from where and how often, is looked at before, in `listen`.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::TcpStream;

use super::reason::Reason;
use super::seats::Seat;
use super::{Services, socket};
use crate::rpc::hello::{self, HelloError, Peer, Purpose};
use crate::rpc::identity::{IdentityError, PeerIdentity, Session, Stream};

/// A connection of which nothing is known.
pub(super) struct Arrived {
    pub(super) stream: TcpStream,
    pub(super) from: SocketAddr,
    pub(super) seat: Seat,
}

/// A connection of which is known who is there.
pub(super) struct Admitted {
    pub(super) stream: Stream<TcpStream>,
    pub(super) session: Session,
    /// Who it has proved to be.
    pub(super) identity: PeerIdentity,
    pub(super) peer: Peer,
    pub(super) purpose: Purpose,
    pub(super) seat: Seat,
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
pub(super) async fn admit(arrived: Arrived, services: &Services) -> Option<Admitted> {
    let from = arrived.from;
    let admitted = identify(arrived, services).await;
    admitted.map_err(|error| services.refused.note(error.reason(), &from, &error)).ok()
}

async fn identify(arrived: Arrived, services: &Services) -> Result<Admitted, NotAdmitted> {
    let Arrived { stream, mut seat, .. } = arrived;
    socket::prepare(&stream, services.limits.keepalive)?;
    let deadline = Instant::now() + services.limits.handshake_timeout;
    let (mut stream, session) = services.transport.accept(stream, deadline).await?;
    let (peer, purpose) = hello::welcome(&mut stream, &services.identity, deadline, || seat.admit()).await?;
    let identity = session.proves(&peer.node, &(services.names)(&peer.node))?;
    Ok(Admitted { stream, session, identity, peer, purpose, seat })
}
