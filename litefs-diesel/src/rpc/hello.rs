//! The hello: who is there, and whether the two may talk.
//!
//! The one who connected speaks first, the other answers; each frame is at most [`MAX_HELLO`]
//! bytes, and both must be through by a deadline. It runs over any stream of bytes, so that one
//! that is encrypted, and knows its peer, can take the place of a bare one.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::bytes::BytesMut;

use super::wire::{self, LENGTH};

/// The versions of the protocol that this release speaks: a release speaks its own and the one
/// before, so that nodes are replaced one by one.
pub(crate) const PROTOCOL: RangeInclusive<u16> = 1..=1;

/// How large a frame of the hello may be.
pub(crate) const MAX_HELLO: usize = 4096;

/// Says that this is our protocol at all. Never changes, nor does [`Versions`] behind it.
const MAGIC: [u8; 8] = *b"lfsdiesl";

/// Who this node is, and what it serves.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) application: String,
    pub(crate) cluster: String,
    /// A name for people.
    pub(crate) node: String,
    /// A random number a process start: tells a node from itself, and from its successor.
    pub(crate) process: u128,
    /// The names of its repos.
    pub(crate) repos: BTreeSet<String>,
    /// Usually [`PROTOCOL`].
    pub(crate) protocol: RangeInclusive<u16>,
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Peer {
    pub(crate) node: String,
    pub(crate) process: u128,
    pub(crate) repos: BTreeSet<String>,
    /// The version that both speak.
    pub(crate) protocol: u16,
}

/// Which of the two connections of a pair this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    Control,
    Data,
}

/// Why two nodes do not talk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HelloError {
    #[error(
        "no common protocol version: this node speaks {ours}, the other {theirs}; bring both to releases that overlap"
    )]
    Protocol { ours: Versions, theirs: Versions },
    #[error("the other node belongs to the application `{theirs}`, this one to `{ours}`")]
    Application { ours: String, theirs: String },
    #[error(
        "the other node belongs to the cluster `{theirs}`, this one to `{ours}` (setting `cluster.name`)"
    )]
    Cluster { ours: String, theirs: String },
    #[error("this node reached itself; does `cluster.peer` lead to the other nodes?")]
    Itself,
    #[error("the hello takes more than {MAX_HELLO} bytes: too many or too long names of repos")]
    TooLarge,
    #[error("what answers there does not speak this protocol: {0}")]
    Foreign(String),
    #[error("the hello was not done in time")]
    Timeout,
    #[error("the connection broke during the hello: {0}")]
    Io(#[from] io::Error),
}

impl HelloError {
    /// Whether waiting cannot mend it: somebody must change a setting or a release. That a node reaches
    /// itself may pass: during a failover LiteFS names it to itself for a moment.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Timeout | Self::Io(_) | Self::Itself)
    }
}

/// The oldest and the newest version that a node speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Versions {
    oldest: u16,
    newest: u16,
}

impl Versions {
    fn common(self, other: Self) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.oldest, self.newest)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Opening {
    magic: [u8; 8],
    versions: Versions,
}

#[derive(Debug, Serialize, Deserialize)]
struct Introduction {
    application: String,
    cluster: String,
    node: String,
    process: u128,
    repos: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Verdict {
    Welcome { protocol: u16 },
    No(No),
}

#[derive(Debug, Serialize, Deserialize)]
enum No {
    Protocol,
    Application(String),
    Cluster(String),
    Itself,
    Unreadable,
}

/// The hello of the one who connected.
pub(crate) async fn greet(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    identity: &Identity,
    purpose: Purpose,
    deadline: Instant,
) -> Result<Peer, HelloError> {
    within(deadline, async {
        send(io, |frame| {
            frame.message(&identity.opening())?;
            frame.message(&(purpose, identity.introduction()))
        })
        .await?;
        let answer = receive(io).await?;
        let (opening, rest) = opening(&answer)?;
        let (verdict, rest): (Verdict, _) =
            wire::split(rest).map_err(|error| HelloError::Foreign(error.to_string()))?;
        match verdict {
            Verdict::Welcome { protocol } if identity.protocol.contains(&protocol) => {
                let theirs = wire::read(rest).map_err(|error| HelloError::Foreign(error.to_string()))?;
                identity.check(&theirs)?;
                Ok(theirs.peer(protocol))
            }
            Verdict::Welcome { .. } | Verdict::No(No::Protocol) => {
                Err(HelloError::Protocol { ours: identity.versions(), theirs: opening.versions })
            }
            Verdict::No(No::Application(theirs)) => {
                Err(HelloError::Application { ours: identity.application.clone(), theirs })
            }
            Verdict::No(No::Cluster(theirs)) => {
                Err(HelloError::Cluster { ours: identity.cluster.clone(), theirs })
            }
            Verdict::No(No::Itself) => Err(HelloError::Itself),
            Verdict::No(No::Unreadable) => Err(HelloError::Foreign("it could not read our hello".into())),
        }
    })
    .await
}

/// The hello of the one who was called. Whoever is refused is told why.
pub(crate) async fn welcome(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    identity: &Identity,
    deadline: Instant,
) -> Result<(Peer, Purpose), HelloError> {
    within(deadline, async {
        let frame = receive(io).await?;
        let judged = judge(&frame, identity);
        let verdict = match &judged {
            Ok((peer, _)) => Verdict::Welcome { protocol: peer.protocol },
            Err(HelloError::Protocol { .. }) => Verdict::No(No::Protocol),
            Err(HelloError::Application { ours, .. }) => Verdict::No(No::Application(ours.clone())),
            Err(HelloError::Cluster { ours, .. }) => Verdict::No(No::Cluster(ours.clone())),
            Err(HelloError::Itself) => Verdict::No(No::Itself),
            Err(_) => Verdict::No(No::Unreadable),
        };
        let welcome = judged.is_ok();
        send(io, |frame| {
            frame.message(&identity.opening())?;
            frame.message(&verdict)?;
            if welcome { frame.message(&identity.introduction()) } else { Ok(()) }
        })
        .await?;
        judged
    })
    .await
}

fn judge(frame: &[u8], identity: &Identity) -> Result<(Peer, Purpose), HelloError> {
    let (opening, rest) = opening(frame)?;
    let refused = HelloError::Protocol { ours: identity.versions(), theirs: opening.versions };
    let protocol = identity.versions().common(opening.versions).ok_or(refused)?;
    let (purpose, theirs): (Purpose, Introduction) =
        wire::read(rest).map_err(|error| HelloError::Foreign(error.to_string()))?;
    identity.check(&theirs)?;
    Ok((theirs.peer(protocol), purpose))
}

impl Identity {
    /// Fails when the names are too long for a hello: no node could then talk to this one.
    pub(crate) fn check_size(&self) -> Result<(), HelloError> {
        let verdict = Verdict::Welcome { protocol: u16::MAX };
        let mut frame = BytesMut::new();
        wire::frame(&mut frame, MAX_HELLO, |frame| {
            frame.message(&self.opening())?;
            frame.message(&(verdict, self.introduction()))
        })
        .map_err(|_| HelloError::TooLarge)
    }

    fn versions(&self) -> Versions {
        Versions { oldest: *self.protocol.start(), newest: *self.protocol.end() }
    }

    fn opening(&self) -> Opening {
        Opening { magic: MAGIC, versions: self.versions() }
    }

    fn introduction(&self) -> Introduction {
        Introduction {
            application: self.application.clone(),
            cluster: self.cluster.clone(),
            node: self.node.clone(),
            process: self.process,
            repos: self.repos.clone(),
        }
    }

    fn check(&self, theirs: &Introduction) -> Result<(), HelloError> {
        if theirs.process == self.process {
            return Err(HelloError::Itself);
        }
        if theirs.application != self.application {
            let theirs = theirs.application.clone();
            return Err(HelloError::Application { ours: self.application.clone(), theirs });
        }
        if theirs.cluster != self.cluster {
            return Err(HelloError::Cluster { ours: self.cluster.clone(), theirs: theirs.cluster.clone() });
        }
        Ok(())
    }
}

impl Introduction {
    fn peer(self, protocol: u16) -> Peer {
        Peer { node: self.node, process: self.process, repos: self.repos, protocol }
    }
}

fn opening(frame: &[u8]) -> Result<(Opening, &[u8]), HelloError> {
    match wire::split::<Opening>(frame) {
        Ok((opening, rest)) if opening.magic == MAGIC => Ok((opening, rest)),
        _ => Err(HelloError::Foreign("the first bytes are not ours".into())),
    }
}

async fn send(
    io: &mut (impl AsyncWrite + Unpin),
    fill: impl FnOnce(&mut wire::Frame<'_>) -> postcard::Result<()>,
) -> Result<(), HelloError> {
    let mut frame = BytesMut::new();
    wire::frame(&mut frame, MAX_HELLO, fill).map_err(|_| HelloError::TooLarge)?;
    io.write_all(&frame).await?;
    Ok(io.flush().await?)
}

/// Reads one frame and not a byte more: what follows is not the hello's.
async fn receive(io: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, HelloError> {
    let mut length = [0; LENGTH];
    io.read_exact(&mut length).await?;
    if let [0x15 | 0x16, 3, ..] = length {
        return Err(HelloError::Foreign(
            "it speaks TLS, and this node plain text; give both the same identity (setting `cluster.secret_file`)".into(),
        ));
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_HELLO {
        return Err(HelloError::Foreign(format!("its first frame would have {length} bytes")));
    }
    let mut frame = vec![0; length];
    io.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn within<T>(
    deadline: Instant,
    hello: impl Future<Output = Result<T, HelloError>>,
) -> Result<T, HelloError> {
    tokio::time::timeout_at(deadline.into(), hello).await.unwrap_or(Err(HelloError::Timeout))
}
