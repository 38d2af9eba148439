//! Making calls on a connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tarpc::client::{Channel, RpcError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::codec::{self, Incoming, Outgoing};
use super::quiet::{self, Ending, Why};
use super::wire::{self, MAX_CALL, WireError};
use super::{Named, Service};
use crate::error::Bound;
use crate::handover::Handover;
use crate::request::Refusal;

/// How many calls may be on a connection without an answer; the next ones wait, unsent.
pub(crate) const MAX_IN_FLIGHT: usize = 16 * 1024;

/// How many calls may wait for the connection's task to take them; the next ones wait for room.
const QUEUED: usize = 1024;

/// The calling side of a connection. Calls from any number of tasks share it.
pub(crate) struct Client<S: Service> {
    channel: Channel<Outgoing, Incoming<S>>,
    max_frame: usize,
    /// Cancelled when the peer wants no further calls.
    retired: CancellationToken,
    broken: Why,
}

/// A request, encoded once for all attempts.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    name: &'static str,
    /// Or why it cannot be sent.
    body: Result<Bytes, String>,
}

/// A call without a reply.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The peer said why not, or would.
    Refused(Refusal),
    /// It cannot be sent as it is, now or later.
    Unsendable(String),
    /// It never left this node.
    NotSent(String),
    /// It may have reached the peer, and no answer came.
    Lost(String),
}

impl<S: Service> Client<S> {
    /// Makes a connection of `io`, on which both sides said hello. It lives while the future that
    /// comes back is polled: until the peer closes it, or until this client is dropped.
    pub(crate) fn new<T>(io: T, max_frame: usize) -> (Self, impl Future<Output = ()> + Send + 'static)
    where
        T: AsyncRead + AsyncWrite + Send + 'static,
    {
        let retired = CancellationToken::new();
        let (transport, broken) = Ending::new(codec::caller::<S, T>(io, max_frame, retired.clone()));
        let why = broken.clone();
        let mut config = tarpc::client::Config::default();
        config.max_in_flight_requests = MAX_IN_FLIGHT;
        config.pending_request_buffer = QUEUED;
        let tarpc::client::NewClient { client: channel, dispatch } = tarpc::client::new(config, transport);
        let ended = retired.clone().drop_guard();
        let driver = async move {
            let _ended = ended;
            let ended = dispatch.await.map_err(|error| sources(&error));
            if let Some(error) = why.get().or(ended.as_ref().err().map(String::as_str)) {
                tracing::debug!(error, "the connection broke");
            }
        };
        (Self { channel, max_frame, retired, broken }, driver)
    }

    /// Returns when the connection has ended, or takes no further calls.
    pub(crate) async fn retired(&self) {
        self.retired.cancelled().await;
    }

    /// Cancelled, it does what [`retire`](Self::retire) does.
    pub(crate) fn retirement(&self) -> CancellationToken {
        self.retired.clone()
    }

    /// Stops new calls from choosing this connection; those on it go on.
    pub(crate) fn retire(&self) {
        self.retired.cancel();
    }

    /// It does not fit a frame.
    fn too_large(&self) -> Failure {
        Failure::Refused(Refusal::TooLarge(Bound::new("limits.max_frame", self.max_frame)))
    }

    /// Sends a request and waits for its answer, until `deadline`. Dropping the future cancels
    /// the call where it runs. Needs a runtime with timers.
    pub(crate) async fn call(&self, message: Message, deadline: Instant) -> Result<S::Reply, Failure> {
        let Message { name, body } = message;
        let body = body.map_err(Failure::Unsendable)?;
        if body.len() > self.max_frame {
            return Err(self.too_large());
        }
        let deadline = deadline.min(Instant::now() + MAX_CALL);
        let ticket = Arc::new(Handover::default());
        let mut context = tarpc::context::current();
        context.deadline = quiet::beyond(deadline);
        let outgoing = Outgoing { name, body, deadline, ticket: Arc::clone(&ticket) };
        let called = tokio::time::timeout_at(deadline.into(), self.channel.call(context, outgoing)).await;
        let why = match called {
            Ok(Ok(Ok(Ok(reply)))) => return Ok(reply),
            Ok(Ok(Ok(Err(refusal)))) => return Err(Failure::Refused(refusal)),
            Ok(Ok(Err(unreadable))) => {
                return Err(Failure::Lost(format!("the answer cannot be read: {unreadable}")));
            }
            Ok(Err(RpcError::Send(error))) => match error.downcast_ref::<WireError>() {
                Some(WireError::TooLarge { .. }) => return Err(self.too_large()),
                Some(too_many @ WireError::TooMany) => return Err(Failure::Unsendable(too_many.to_string())),
                _ => error.to_string(),
            },
            Ok(Err(RpcError::Shutdown)) => match self.broken.get() {
                Some(why) => format!("the connection broke: {why}"),
                None => "the connection was closed".to_owned(),
            },
            Ok(Err(error)) => sources(&error),
            Err(_elapsed) => "no answer came by the deadline".to_owned(),
        };
        Err(if ticket.give_up() { Failure::NotSent(why) } else { Failure::Lost(why) })
    }
}

impl Message {
    pub(crate) fn new(request: &(impl Named + serde::Serialize)) -> Self {
        Self { name: request.name(), body: wire::body(request).map_err(|error| error.to_string()) }
    }
}

/// An error and what is behind it, in one line.
pub(crate) fn sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
