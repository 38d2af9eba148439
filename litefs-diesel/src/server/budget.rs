//! What this node holds for its callers, all connections together.

use std::sync::Arc;

use super::replies::Replies;
use crate::config::LimitSettings;
use crate::error::Bound;
use crate::request::Held;
use crate::shares::Shares;

/// A request of no more bytes has them within what a request costs anyway: when large ones have all the bytes,
/// small ones go on.
const SMALL: usize = 4 << 10;

/// Shared by all connections of a server.
pub(crate) struct Budget {
    requests: Arc<Shares>,
    pub(super) request_bytes: Arc<Shares>,
    pub(super) transactions: Arc<Shares>,
    pub(super) replies: Arc<Replies>,
}

impl Budget {
    pub(crate) fn new(limits: &LimitSettings) -> Arc<Self> {
        Arc::new(Self {
            requests: Shares::new("limits.requests", limits.requests),
            request_bytes: Shares::new("limits.request_bytes", limits.request_bytes),
            transactions: Shares::new("limits.transactions", limits.transactions),
            replies: Replies::new(limits.reply_bytes, limits.reply_timeout),
        })
    }

    /// How many bytes of answers wait.
    #[cfg(test)]
    pub(crate) fn reply_bytes(&self) -> usize {
        self.replies.bytes()
    }

    /// Takes a request of so many bytes, of the connection whose requests are `own`. It has `room` of them already.
    pub(super) fn admit(&self, own: &Arc<Shares>, bytes: usize, room: usize) -> Result<Held, Bound> {
        let counts = (own.take(1)?, self.requests.take(1)?);
        let bytes = match bytes.saturating_sub(room) {
            more if bytes > SMALL && more > 0 => Some(self.request_bytes.take_more(more, room)?),
            _ => None,
        };
        Ok(Held::new((counts, bytes)))
    }
}
