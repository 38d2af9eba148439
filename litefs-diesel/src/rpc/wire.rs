//! The bytes of a frame.
//!
//! A frame is its length (4 bytes, big-endian) and that many bytes of postcard: a head ([`Up`] or
//! [`Down`]) and, behind the head of a call or an answer, the body. A variant's number is its
//! place in its enum: new ones are added at the end only.

use std::io;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::bounded::{self, MAX_VALUES};
pub(crate) use crate::bounded::{Unreadable, read, weighed};
#[cfg(any(test, feature = "fuzz"))]
pub(crate) use crate::config::MAX_FRAME;
use crate::error::Bound;

/// The longest time a call may take. tarpc panics on a deadline of two years, so a peer's must be
/// bounded before tarpc sees it.
pub(crate) const MAX_CALL: Duration = Duration::from_secs(600);

/// From the one who calls.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Up {
    /// Begins a call; the request follows.
    Call {
        /// Of the caller's choice, never used twice on a connection.
        id: u64,
        /// How long the call may take from its arrival on: a duration, because clocks differ.
        deadline_ms: u32,
        trace: Trace,
    },
    /// Nobody waits for this call any more.
    Cancel { id: u64 },
}

/// From the one who answers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Down {
    /// Ends a call; `Result<Reply, Refusal>` follows.
    Answer { id: u64 },
    /// This node will close the connection: make no further calls on it.
    Goodbye,
}

/// Which trace a call belongs to, in OpenTelemetry's terms; zeros for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trace {
    pub(crate) trace: [u8; 16],
    pub(crate) span: [u8; 8],
    pub(crate) sampled: bool,
}

/// What is wrong with a connection's bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(
        "the message takes more than the {limit} bytes that a frame may have (setting `limits.max_frame`)"
    )]
    TooLarge { limit: usize },
    #[error("the message has more values than the {MAX_VALUES} that one may have; send it in parts")]
    TooMany,
    #[error(
        "the peer announced a frame of {length} bytes, and one may have {limit} (setting `limits.max_frame`)"
    )]
    Announced { length: usize, limit: usize },
    #[error("the peer sent a frame that cannot be read: {0}")]
    Damaged(#[from] Unreadable),
    #[error("the peer closed the connection")]
    Closed,
    #[error(
        "there was no room for its frame within the time that one has (setting `limits.reply_timeout`), {0}"
    )]
    Full(Bound),
    #[error("its frame was not whole within the time that one has (setting `limits.reply_timeout`)")]
    NotWhole,
    #[error("an answer was not taken within the time that it has (setting `limits.reply_timeout`)")]
    NotTaken,
}

/// The head of a frame and what is behind it.
pub(crate) fn split<H: DeserializeOwned>(frame: &[u8]) -> Result<(H, &[u8]), WireError> {
    Ok(bounded::split(frame)?)
}

/// What has to be behind a head that has no body.
pub(crate) fn nothing(rest: &[u8]) -> Result<(), WireError> {
    if rest.is_empty() { Ok(()) } else { Err(Unreadable::Trailing(rest.len()).into()) }
}

/// Appends one frame to `to`, and nothing when it would have more than `limit` bytes.
pub(crate) fn frame(
    to: &mut BytesMut,
    limit: usize,
    fill: impl FnOnce(&mut Frame<'_>) -> postcard::Result<()>,
) -> Result<(), WireError> {
    let start = to.len();
    to.put_u32(0);
    let end = start.saturating_add(LENGTH).saturating_add(limit);
    let mut left = MAX_VALUES;
    let filled = fill(&mut Frame { end, left: &mut left, to });
    let length = to.len() - start - LENGTH;
    match (filled, u32::try_from(length)) {
        (Ok(()), Ok(length)) => {
            to[start..start + LENGTH].copy_from_slice(&length.to_be_bytes());
            Ok(())
        }
        // Our messages serialise without fail; only the room can run out.
        _ => {
            to.truncate(start);
            Err(if left == 0 { WireError::TooMany } else { WireError::TooLarge { limit } })
        }
    }
}

/// A message by itself, for the frames of all attempts at it.
pub(crate) fn body(message: &impl Serialize) -> Result<Bytes, WireError> {
    let mut body = BytesMut::new();
    frame(&mut body, u32::MAX as usize, |frame| frame.message(message))?;
    Ok(body.split_off(LENGTH).freeze())
}

/// Takes the next frame, without its length, once all of it has come.
///
/// Memory is reserved for as much again as has come, and not for what is announced: four bytes would else cost
/// a frame of the largest size.
pub(crate) fn next(from: &mut BytesMut, limit: usize) -> Result<Option<BytesMut>, WireError> {
    let Some(length) = announced(from) else { return Ok(None) };
    if length > limit {
        return Err(WireError::Announced { length, limit });
    }
    if let Some(missing @ 1..) = (LENGTH + length).checked_sub(from.len()) {
        from.reserve(missing.min(from.len().max(READ)));
        return Ok(None);
    }
    from.advance(LENGTH);
    let frame = from.split_to(length);
    if length > KEPT {
        // Its room would stay with the connection, which may not need so much again.
        *from = BytesMut::from(&from[..]);
    }
    Ok(Some(frame))
}

/// How many bytes the frame has of which these are the first, its length not counted.
pub(crate) fn announced(from: &[u8]) -> Option<usize> {
    from.first_chunk::<LENGTH>().map(|length| u32::from_be_bytes(*length) as usize)
}

/// How large a frame may be for its room to be used for the next ones.
const KEPT: usize = 4 * READ;

/// How much is read at once at least.
const READ: usize = 64 << 10;

/// How many bytes the length of a frame takes.
pub(crate) const LENGTH: usize = 4;

/// The frame that is being written.
pub(crate) struct Frame<'a> {
    to: &'a mut BytesMut,
    end: usize,
    /// How many values there may still be; 0 once there were too many.
    left: &'a mut usize,
}

impl Frame<'_> {
    pub(crate) fn message(&mut self, message: &impl Serialize) -> postcard::Result<()> {
        postcard::serialize_with_flavor(message, Frame { to: self.to, end: self.end, left: self.left })
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() > self.end - self.to.len() {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.to.put_slice(bytes);
        Ok(())
    }
}

/// Written straight into the connection's buffer: no message is held twice.
impl postcard::ser_flavors::Flavor for Frame<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        *self.left = self.left.saturating_sub(bounded::values_of(bytes));
        if *self.left == 0 {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.bytes(bytes)
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// What a peer is told of a deadline: a little less than is left, so that its word on a call that
/// expired there is back before the caller gives up. `None` when nothing is left.
pub(crate) fn deadline_ms(deadline: Instant, now: Instant) -> Option<u32> {
    let left = deadline.checked_duration_since(now)?.min(MAX_CALL);
    let left = left - (left / 8).min(Duration::from_millis(100));
    u32::try_from(left.as_millis()).ok().filter(|ms| *ms > 0)
}
