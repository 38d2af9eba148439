//! What one attempt may take of the node that runs it.

use std::any::Any;
use std::fmt;
use std::time::Instant;

use crate::statement::Most;

/// What one attempt may take of the node that runs it. Made of a deadline alone, it is of this node's own
/// application, whose memory is its own business.
#[derive(Debug)]
pub(crate) struct Allowance {
    pub(crate) deadline: Instant,
    /// How large its result may become.
    pub(crate) most: Most,
    pub(crate) held: Held,
}

/// What a request has of its node's bounds. It goes with the request into every queue, and is given back when
/// nothing of the request is left there: cancelling one that still waits gives nothing back.
#[derive(Default)]
pub(crate) struct Held(Option<Box<dyn Any + Send>>);

impl Held {
    /// Until `share` is dropped.
    pub(crate) fn new(share: impl Any + Send) -> Self {
        Self(Some(Box::new(share)))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Held(..)" } else { "Held(none)" })
    }
}

impl From<Instant> for Allowance {
    fn from(deadline: Instant) -> Self {
        Self { deadline, most: Most::UNBOUNDED, held: Held::default() }
    }
}
