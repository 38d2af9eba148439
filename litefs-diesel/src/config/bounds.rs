//! Reading `[limits]`: what a node gives to others at most.

use std::time::Duration;

use super::error::StartError;
use super::read::Found;

/// How large a frame may be when no setting says otherwise. SQLite itself takes values of up to
/// 1 GB, but each side holds a frame in memory while it is sent: this is room for 1 MiB blobs by
/// the dozen, and small enough that a few connections cannot fill a small server.
pub(crate) const MAX_FRAME: usize = 64 << 20;

/// What a node gives to others at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitSettings {
    /// Connections of peers at once: two of each of 64 peers, and as many again whose other end is gone
    /// before this node has noticed.
    pub(crate) connections: usize,
    /// Connections from one address at once, known or not: 32 nodes behind one address, as containers may be,
    /// and a third of what strangers may have.
    pub(crate) connections_per_address: usize,
    /// Connections of which is not known yet who is there. Room for all peers at once.
    pub(crate) handshakes: usize,
    /// New connections a second, and as many at once: all peers of a node that starts. One costs this node less
    /// than a millisecond, so strangers keep a processor busy for a fifth at most.
    pub(crate) handshake_rate: usize,
    /// The same from one address: 32 nodes behind it come back at once, and it uses a third of the whole.
    pub(crate) handshake_rate_per_address: usize,
    /// How long it may take until it is known who is there, TLS and the hello together: three times around the
    /// world, and packets that have to be sent again.
    pub(crate) handshake_timeout: Duration,
    /// How long a connection may be there that nothing uses. Making another takes a millisecond, so it may
    /// be short; nor does one cost much.
    pub(crate) idle: Duration,
    /// After how long a silence TCP asks whether the other end is still there. Routers forget connections
    /// that are silent for longer than a minute or so.
    pub(crate) keepalive: Duration,
    /// Bytes of a frame.
    pub(crate) max_frame: usize,
    /// Calls of one connection that run at once: as many as a caller has on one.
    pub(crate) calls: usize,
    /// Bytes of requests that are held at once, of all connections; one over it is told `Overloaded`.
    pub(crate) request_bytes: usize,
    /// Transactions of one connection, those included that wait for the writer.
    pub(crate) transactions: usize,
    /// How long running calls and open transactions may go on once the node shuts down.
    pub(crate) drain: Duration,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_address: 64,
            handshakes: 256,
            handshake_rate: 200,
            handshake_rate_per_address: 64,
            handshake_timeout: Duration::from_secs(5),
            idle: Duration::from_secs(600),
            keepalive: Duration::from_secs(15),
            max_frame: MAX_FRAME,
            calls: 16 * 1024,
            request_bytes: 4 * MAX_FRAME,
            transactions: 256,
            drain: Duration::from_secs(5),
        }
    }
}

/// Well above a second, before which a peer does not make the next connection at once.
const SHORTEST_IDLE: Duration = Duration::from_secs(5);

/// What TCP takes: whole seconds, three times in the shortest, and no more than 15 bits of them.
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(3);
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(3_600);

/// The settings of `[limits]`.
pub(super) fn settings<'a>(
    get: impl Fn(&'static str) -> Option<Found<'a>>,
) -> Result<LimitSettings, StartError> {
    let default = LimitSettings::default();
    let count = |key, default, highest| get(key).map_or(Ok(default), |found| found.count(1..=highest));
    let duration = |key, default| get(key).map_or(Ok(default), |found| found.duration(false));
    Ok(LimitSettings {
        // Each is a file descriptor, and a process has a million at most.
        connections: count("connections", default.connections, 65_536)?,
        connections_per_address: count("connections_per_address", default.connections_per_address, 65_536)?,
        handshakes: count("handshakes", default.handshakes, 65_536)?,
        handshake_rate: count("handshake_rate", default.handshake_rate, 1_000_000)?,
        handshake_rate_per_address: count(
            "handshake_rate_per_address",
            default.handshake_rate_per_address,
            1_000_000,
        )?,
        handshake_timeout: duration("handshake_timeout", default.handshake_timeout)?,
        idle: get("idle").map_or(Ok(default.idle), |found| idle(&found))?,
        keepalive: get("keepalive").map_or(Ok(default.keepalive), |found| keepalive(&found))?,
        ..default
    })
}

fn idle(found: &Found<'_>) -> Result<Duration, StartError> {
    match found.duration(false)? {
        limit if limit >= SHORTEST_IDLE => Ok(limit),
        _ => Err(found.error(
            "it is shorter than 5 seconds: peers would take connections that end so soon for broken ones, and wait \
             before they make the next",
        )),
    }
}

fn keepalive(found: &Found<'_>) -> Result<Duration, StartError> {
    match found.duration(false)? {
        silence if (SHORTEST_KEEPALIVE..=LONGEST_KEEPALIVE).contains(&silence) => Ok(silence),
        _ => Err(found.error("it has to be 3 seconds to an hour: the system counts in seconds")),
    }
}
