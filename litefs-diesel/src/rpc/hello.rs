//! The hello: who is there, and whether the two may talk.
//!
//! The one who connected speaks first, the other answers; each frame is at most [`MAX_HELLO`]
//! bytes, and both must be through by a deadline. It runs over any stream of bytes, so that one
//! that is encrypted, and knows its peer, can take the place of a bare one.

use std::collections::BTreeSet;
use std::io;
use std::ops::RangeInclusive;
use std::time::Instant;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::bytes::BytesMut;

pub(crate) use super::greeting::Purpose;
use super::greeting::{Introduction, MAGIC, No, Opening, Verdict, Versions};
use super::wire::{self, LENGTH};
use crate::bounded::{self, Unreadable};
use crate::litefs::ClusterId;

/// The versions of the protocol that this release speaks: a release speaks its own and the one
/// before, so that nodes are replaced one by one.
pub(crate) const PROTOCOL: RangeInclusive<u16> = 1..=1;

/// How large a frame of the hello may be.
pub(crate) const MAX_HELLO: usize = 4096;

const OURS: &str = "this node";
const THEIRS: &str = "the other node";

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
    /// Which cluster its LiteFS says that it belongs to. Looked at with each hello, for it is often learned
    /// later than the node starts, and may change.
    pub(crate) litefs: ClusterId,
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Peer {
    pub(crate) node: String,
    pub(crate) process: u128,
    pub(crate) repos: BTreeSet<String>,
    /// The version that both speak.
    pub(crate) protocol: u16,
    /// The cluster of both LiteFS servers.
    pub(crate) litefs: String,
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
    #[error(
        "the LiteFS of the other node belongs to the cluster `{theirs}`, this node's to `{ours}` (`clusterID` in \
         LiteFS's /info): they do not replicate from each other. LiteFS begins another cluster when the disk of a \
         static primary is replaced; give that disk its old data back, or begin anew on the other nodes, too"
    )]
    LitefsCluster { ours: String, theirs: String },
    #[error(
        "the LiteFS of {who} has not joined a cluster yet, or does not answer (`clusterID` in its /info)"
    )]
    NotYet {
        /// `this node` or `the other node`.
        who: &'static str,
    },
    #[error(
        "{who} has as many connections of peers as its setting `limits.connections` allows; raise it, or wait until \
         some of them end"
    )]
    Full {
        /// `this node` or `the other node`.
        who: &'static str,
    },
    #[error("this node reached itself; does `cluster.peer` lead to the other nodes?")]
    Itself,
    #[error("the hello takes more than {MAX_HELLO} bytes: too many or too long names of repos")]
    TooLarge,
    #[error("what answers there does not speak this protocol: {0}")]
    Foreign(String),
    #[error(
        "what is there speaks TLS, and this node plain text; give both the same identity (setting `cluster.secret_file`)"
    )]
    Tls,
    #[error("the hello was not done in time")]
    Timeout,
    #[error("the connection broke during the hello: {0}")]
    Io(#[from] io::Error),
}

impl HelloError {
    /// Whether waiting cannot mend it: somebody must change a setting or a release. That a node reaches
    /// itself may pass: during a failover LiteFS names it to itself for a moment. A LiteFS that has not
    /// joined a cluster will, and connections end.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Timeout | Self::Io(_) | Self::Itself | Self::NotYet { .. } | Self::Full { .. })
    }
}

/// The hello of the one who connected.
pub(crate) async fn greet(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    identity: &Identity,
    purpose: Purpose,
    deadline: Instant,
) -> Result<Peer, HelloError> {
    within(deadline, async {
        let ours = identity.introduction()?;
        send(io, |frame| {
            frame.message(&identity.opening())?;
            frame.message(&(purpose, &ours))
        })
        .await?;
        answered(&receive(io).await?, identity, ours)
    })
    .await
}

/// Who answered, if that may be talked to.
pub(super) fn answered(answer: &[u8], identity: &Identity, ours: Introduction) -> Result<Peer, HelloError> {
    let (opening, rest) = opening(answer)?;
    let refused = HelloError::Protocol { ours: identity.versions(), theirs: opening.versions };
    let Some(common) = identity.versions().common(opening.versions) else { return Err(refused) };
    let (verdict, rest): (Verdict, _) =
        wire::split(rest).map_err(|error| HelloError::Foreign(error.to_string()))?;
    match verdict {
        Verdict::Welcome { protocol } if protocol == common => {
            let theirs: Introduction = told(rest, opening.versions, identity)?;
            ours.check(&theirs)?;
            Ok(theirs.peer(protocol))
        }
        Verdict::Welcome { .. } | Verdict::No(No::Protocol) => Err(refused),
        Verdict::No(No::Application(theirs)) => {
            Err(HelloError::Application { ours: ours.application, theirs })
        }
        Verdict::No(No::Cluster(theirs)) => Err(HelloError::Cluster { ours: ours.cluster, theirs }),
        Verdict::No(No::LitefsCluster(theirs)) => {
            Err(HelloError::LitefsCluster { ours: ours.litefs, theirs })
        }
        Verdict::No(No::NotYet) => Err(HelloError::NotYet { who: THEIRS }),
        Verdict::No(No::Full) => Err(HelloError::Full { who: THEIRS }),
        Verdict::No(No::Itself) => Err(HelloError::Itself),
        Verdict::No(No::Unreadable) => Err(HelloError::Foreign("it could not read our hello".into())),
    }
}

/// The hello of the one who was called. Whoever is refused is told why. `has_room` is asked once it is known who is
/// there, and takes the room.
pub(crate) async fn welcome(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    identity: &Identity,
    deadline: Instant,
    has_room: impl FnOnce() -> bool,
) -> Result<(Peer, Purpose), HelloError> {
    within(deadline, async {
        let frame = receive(io).await?;
        let judged = match judge(&frame, identity) {
            Ok(_) if !has_room() => Err(HelloError::Full { who: OURS }),
            judged => judged,
        };
        let verdict = match &judged {
            Ok((_, peer, _)) => Verdict::Welcome { protocol: peer.protocol },
            Err(HelloError::Protocol { .. }) => Verdict::No(No::Protocol),
            Err(HelloError::Application { ours, .. }) => Verdict::No(No::Application(ours.clone())),
            Err(HelloError::Cluster { ours, .. }) => Verdict::No(No::Cluster(ours.clone())),
            Err(HelloError::LitefsCluster { ours, .. }) => Verdict::No(No::LitefsCluster(ours.clone())),
            Err(HelloError::Itself) => Verdict::No(No::Itself),
            Err(HelloError::NotYet { .. }) => Verdict::No(No::NotYet),
            Err(HelloError::Full { .. }) => Verdict::No(No::Full),
            Err(_) => Verdict::No(No::Unreadable),
        };
        send(io, |frame| {
            frame.message(&identity.opening())?;
            frame.message(&verdict)?;
            judged.as_ref().map_or(Ok(()), |(ours, ..)| frame.message(ours))
        })
        .await?;
        judged.map(|(_, peer, purpose)| (peer, purpose))
    })
    .await
}

/// What this node says of itself to the other, who that is, and what it wants.
pub(super) fn judge(frame: &[u8], identity: &Identity) -> Result<(Introduction, Peer, Purpose), HelloError> {
    let (opening, rest) = opening(frame)?;
    let refused = HelloError::Protocol { ours: identity.versions(), theirs: opening.versions };
    let protocol = identity.versions().common(opening.versions).ok_or(refused)?;
    let (purpose, theirs): (Purpose, Introduction) = told(rest, opening.versions, identity)?;
    let ours = identity.introduction()?;
    ours.check(&theirs)?;
    Ok((ours, theirs.peer(protocol), purpose))
}

impl Identity {
    /// Fails when the names are too long for a hello: no node could then talk to this one.
    pub(crate) fn check_size(&self) -> Result<(), HelloError> {
        let verdict = Verdict::Welcome { protocol: u16::MAX };
        // What LiteFS's has is not known yet: `LFSC` and 16 digits.
        let introduction = self.introduction_in("LFSC0000000000000000");
        let mut frame = BytesMut::new();
        wire::frame(&mut frame, MAX_HELLO, |frame| {
            frame.message(&self.opening())?;
            frame.message(&(verdict, introduction))
        })
        .map_err(|_| HelloError::TooLarge)
    }

    fn versions(&self) -> Versions {
        Versions { oldest: *self.protocol.start(), newest: *self.protocol.end() }
    }

    fn opening(&self) -> Opening {
        Opening { magic: MAGIC, versions: self.versions() }
    }

    /// What this node says of itself, once its LiteFS has joined a cluster.
    pub(super) fn introduction(&self) -> Result<Introduction, HelloError> {
        let joined = self.litefs.now().filter(|id| !id.is_empty());
        let litefs = joined.ok_or(HelloError::NotYet { who: OURS })?;
        Ok(self.introduction_in(&litefs))
    }

    fn introduction_in(&self, litefs: &str) -> Introduction {
        Introduction {
            application: self.application.clone(),
            cluster: self.cluster.clone(),
            litefs: litefs.to_owned(),
            node: self.node.clone(),
            process: self.process,
            repos: self.repos.clone(),
        }
    }
}

impl Introduction {
    /// Whether the node that says this may talk to the one that says `theirs`.
    fn check(&self, theirs: &Self) -> Result<(), HelloError> {
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
        // Nobody says an empty one, and it stands for no other.
        if theirs.litefs.is_empty() {
            return Err(HelloError::NotYet { who: THEIRS });
        }
        if theirs.litefs != self.litefs {
            let theirs = theirs.litefs.clone();
            return Err(HelloError::LitefsCluster { ours: self.litefs.clone(), theirs });
        }
        Ok(())
    }

    fn peer(self, protocol: u16) -> Peer {
        Peer { node: self.node, process: self.process, repos: self.repos, protocol, litefs: self.litefs }
    }
}

fn opening(frame: &[u8]) -> Result<(Opening, &[u8]), HelloError> {
    match wire::split::<Opening>(frame) {
        Ok((opening, rest)) if opening.magic == MAGIC => Ok((opening, rest)),
        _ => Err(HelloError::Foreign("the first bytes are not ours".into())),
    }
}

/// What a peer says behind the opening. One of a later version may say more than this one knows.
fn told<T: DeserializeOwned>(bytes: &[u8], theirs: Versions, ours: &Identity) -> Result<T, HelloError> {
    let foreign = |error: Unreadable| HelloError::Foreign(error.to_string());
    let (message, rest) = bounded::split(bytes).map_err(foreign)?;
    if rest.is_empty() || theirs.newest > *ours.protocol.end() {
        return Ok(message);
    }
    Err(foreign(Unreadable::Trailing(rest.len())))
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
        return Err(HelloError::Tls);
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
