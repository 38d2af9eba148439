//! Reading `[limits]`: what a node gives to others at most.

use std::ops::RangeInclusive;
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
    /// Requests that are held at once, from their arrival until nothing of them is left in a queue and their
    /// answer is on its way. Each costs a few KiB besides its bytes: a quarter of a gigabyte.
    pub(crate) requests: usize,
    /// The same of one connection: as many as a caller has on one.
    pub(crate) requests_per_connection: usize,
    /// Bytes of requests that are held at once: four frames of the largest size.
    pub(crate) request_bytes: usize,
    /// Transactions that are open, those included that wait for the writer: 16 repos' worth of those that may.
    pub(crate) transactions: usize,
    /// The same of one connection.
    pub(crate) transactions_per_connection: usize,
    /// Bytes of a statement's text: SQLite parses so much in a tenth of a second, while all others wait.
    pub(crate) statement_bytes: usize,
    /// Values bound to one statement: as many as SQLite takes unless it was built for more.
    pub(crate) binds: usize,
    /// Bytes of those, and of a procedure's arguments: half of a frame.
    pub(crate) bind_bytes: usize,
    /// Rows that a request may return.
    pub(crate) result_rows: usize,
    /// Bytes of those: half of a frame, so that what is within it can be sent.
    pub(crate) result_bytes: usize,
    /// Bytes of answers that wait until their callers take them: eight of the largest.
    pub(crate) reply_bytes: usize,
    /// How long an answer may wait for that: all that may wait takes so long at 70 Mbit/s.
    pub(crate) reply_timeout: Duration,
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
            requests: 64 * 1024,
            requests_per_connection: 16 * 1024,
            request_bytes: 4 * MAX_FRAME,
            transactions: 1_024,
            transactions_per_connection: 256,
            statement_bytes: 4 << 20,
            binds: 32_766,
            bind_bytes: MAX_FRAME / 2,
            result_rows: 1_000_000,
            result_bytes: MAX_FRAME / 2,
            reply_bytes: 4 * MAX_FRAME,
            reply_timeout: Duration::from_secs(30),
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
    let max_frame = between(&get, "max_frame", default.max_frame, FRAMES, "a frame holds its message whole")?;
    // What is a part of a frame, or holds some, follows it.
    let part = |key| {
        between(&get, key, max_frame / 2, 1..=max_frame, "what is larger than `max_frame` cannot be sent")
    };
    let many = |key| {
        between(
            &get,
            key,
            4 * max_frame,
            max_frame..=MOST_BYTES,
            "less than `max_frame` has no room for one frame",
        )
    };
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
        max_frame,
        requests: count("requests", default.requests, 1_048_576)?,
        requests_per_connection: count(
            "requests_per_connection",
            default.requests_per_connection,
            1_048_576,
        )?,
        request_bytes: many("request_bytes")?,
        transactions: count("transactions", default.transactions, 65_536)?,
        transactions_per_connection: count(
            "transactions_per_connection",
            default.transactions_per_connection,
            65_536,
        )?,
        statement_bytes: between(
            &get,
            "statement_bytes",
            default.statement_bytes.min(max_frame),
            1..=max_frame,
            "what is larger than `max_frame` cannot be sent",
        )?,
        binds: count("binds", default.binds, 1_000_000)?,
        bind_bytes: part("bind_bytes")?,
        // A row is one byte at least.
        result_rows: count("result_rows", default.result_rows, MOST_BYTES)?,
        result_bytes: part("result_bytes")?,
        reply_bytes: many("reply_bytes")?,
        reply_timeout: duration("reply_timeout", default.reply_timeout)?,
        ..default
    })
}

/// How large a frame may be set to be: no less than a request of everyday size, and no more than SQLite takes.
const FRAMES: RangeInclusive<usize> = 64 << 10..=1 << 30;
/// More than a process should hold for others.
const MOST_BYTES: usize = 1 << 32;

fn between<'a>(
    get: &impl Fn(&'static str) -> Option<Found<'a>>,
    key: &'static str,
    default: usize,
    range: RangeInclusive<usize>,
    why: &str,
) -> Result<usize, StartError> {
    let Some(found) = get(key) else { return Ok(default) };
    let count = found.count(1..=MOST_BYTES)?;
    let (least, most) = (range.start(), range.end());
    match range.contains(&count) {
        true => Ok(count),
        false => Err(found.error(format!("it has to be {least} to {most}: {why}"))),
    }
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
