//! Frames as tarpc's messages, and tarpc's messages as frames.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tarpc::{ClientMessage, RequestName, Response, context, trace};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder, Framed};
use tokio_util::sync::CancellationToken;

use super::wire::{self, Down, MAX_CALL, Trace, Unreadable, Up, WireError};
use super::{Named, Service, quiet};
use crate::handover::Handover;
use crate::request::Refusal;
use crate::shares::Share;

/// How many bytes wait for a flush before the writer of them must wait: many small answers leave
/// in one system call.
pub(crate) const BUFFER: usize = 64 << 10;

/// A request on its way out, its body encoded already.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) name: &'static str,
    pub(super) body: Bytes,
    pub(super) deadline: Instant,
    pub(super) ticket: Arc<Handover>,
}

impl RequestName for Outgoing {
    fn name(&self) -> &str {
        self.name
    }
}

/// What came back: the peer's answer, if it can be read at all.
pub(super) type Incoming<S> = Result<Result<<S as Service>::Reply, Refusal>, Unreadable>;

/// What a server answers.
pub(crate) type Answer<S> = Result<<S as Service>::Reply, Refusal>;

/// A request that came in, if it can be read at all: one that this version does not know is
/// refused, and does not end the connection.
#[derive(Debug)]
pub(crate) struct Received<R> {
    pub(crate) request: Result<R, Unreadable>,
    /// By when its caller wants an answer.
    pub(crate) deadline: Instant,
    /// How many bytes it takes in memory at most.
    pub(crate) bytes: usize,
    /// What was taken for its frame before that was read, if it was large.
    pub(crate) room: Option<Share>,
}

impl<R: Named> RequestName for Received<R> {
    fn name(&self) -> &str {
        self.request.as_ref().map_or("unreadable", |request| request.name())
    }
}

/// The transport of the calling side. `retired` is cancelled when the peer says goodbye.
pub(super) fn caller<S: Service, T: AsyncRead + AsyncWrite>(
    io: T,
    max_frame: usize,
    retired: CancellationToken,
) -> Framed<T, Caller<S>> {
    framed(io, Caller::new(max_frame, retired))
}

/// The transport of the answering side.
pub(crate) fn answerer<S: Service, T: AsyncRead + AsyncWrite>(
    io: T,
    max_frame: usize,
) -> Framed<T, Answerer<S>> {
    framed(io, Answerer::new(max_frame))
}

fn framed<T: AsyncRead + AsyncWrite, C: Decoder>(io: T, codec: C) -> Framed<T, C> {
    let mut framed = Framed::with_capacity(io, codec, BUFFER);
    framed.set_backpressure_boundary(BUFFER);
    framed
}

/// Turns calls into frames and frames into answers.
pub(super) struct Caller<S> {
    max_frame: usize,
    retired: CancellationToken,
    service: PhantomData<fn(S)>,
}

impl<S> Caller<S> {
    pub(super) fn new(max_frame: usize, retired: CancellationToken) -> Self {
        Self { max_frame, retired, service: PhantomData }
    }
}

impl<S> Encoder<ClientMessage<Outgoing>> for Caller<S> {
    type Error = WireError;

    fn encode(&mut self, message: ClientMessage<Outgoing>, to: &mut BytesMut) -> Result<(), WireError> {
        match message {
            ClientMessage::Request(request) => {
                let Outgoing { body, deadline, ticket, .. } = request.message;
                let Some(deadline_ms) = wire::deadline_ms(deadline, Instant::now()) else {
                    return Ok(()); // its caller's own timer says so
                };
                let head =
                    Up::Call { id: request.id, deadline_ms, trace: request.context.trace_context.into() };
                let start = to.len();
                wire::frame(to, self.max_frame, |frame| {
                    frame.message(&head)?;
                    frame.bytes(&body)
                })?;
                if !ticket.take() {
                    to.truncate(start);
                }
                Ok(())
            }
            ClientMessage::Cancel { request_id, .. } => {
                wire::frame(to, self.max_frame, |frame| frame.message(&Up::Cancel { id: request_id }))
            }
            _ => Ok(()), // tarpc has no other message today
        }
    }
}

impl<S: Service> Decoder for Caller<S> {
    type Item = Response<Incoming<S>>;
    type Error = WireError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Self::Item>, WireError> {
        while let Some(frame) = wire::next(from, self.max_frame)? {
            match wire::split(&frame)? {
                (Down::Answer { id }, body) => {
                    return Ok(Some(Response { request_id: id, message: Ok(wire::read(body)) }));
                }
                (Down::Goodbye, rest) => {
                    wire::nothing(rest)?;
                    self.retired.cancel();
                }
            }
        }
        Ok(None)
    }
}

/// Turns frames into requests and answers into frames.
pub(crate) struct Answerer<S> {
    max_frame: usize,
    service: PhantomData<fn(S)>,
}

impl<S> Answerer<S> {
    pub(super) fn new(max_frame: usize) -> Self {
        Self { max_frame, service: PhantomData }
    }
}

impl<S: Service> Encoder<Response<Answer<S>>> for Answerer<S> {
    type Error = WireError;

    fn encode(&mut self, response: Response<Answer<S>>, to: &mut BytesMut) -> Result<(), WireError> {
        let answer = response.message.unwrap_or_else(|error| Err(Refusal::Refused(error.to_string())));
        let written = self.answer(to, response.request_id, &answer);
        let Err(error @ (WireError::TooLarge { .. } | WireError::TooMany)) = written else { return written };
        let refusal = match &answer {
            Ok(reply) => S::unsendable(reply, error.to_string()),
            Err(_) => Refusal::Unknown(format!("what the primary said of it cannot be sent: {error}")),
        };
        self.answer(to, response.request_id, &Err(refusal))
    }
}

impl<S: Service> Answerer<S> {
    fn answer(&self, to: &mut BytesMut, id: u64, answer: &Answer<S>) -> Result<(), WireError> {
        wire::frame(to, self.max_frame, |frame| {
            frame.message(&Down::Answer { id })?;
            frame.message(answer)
        })
    }
}

/// Tells the peer to make no further calls on this connection.
pub(crate) struct Goodbye;

impl<S> Encoder<Goodbye> for Answerer<S> {
    type Error = WireError;

    fn encode(&mut self, _: Goodbye, to: &mut BytesMut) -> Result<(), WireError> {
        wire::frame(to, self.max_frame, |frame| frame.message(&Down::Goodbye))
    }
}

impl<S: Service> Decoder for Answerer<S> {
    type Item = ClientMessage<Received<S::Request>>;
    type Error = WireError;

    fn decode(&mut self, from: &mut BytesMut) -> Result<Option<Self::Item>, WireError> {
        let Some(frame) = wire::next(from, self.max_frame)? else { return Ok(None) };
        Ok(Some(match wire::split(&frame)? {
            (Up::Call { id, deadline_ms, trace }, body) => {
                let left = Duration::from_millis(deadline_ms.into()).min(MAX_CALL);
                let mut context = context::current();
                let deadline = Instant::now() + left;
                context.deadline = quiet::beyond(deadline);
                context.trace_context = trace.into();
                let (request, bytes) = match wire::weighed(body) {
                    Ok((request, bytes)) => (Ok(request), bytes),
                    Err(unreadable) => (Err(unreadable), 0),
                };
                let message = Received { request, deadline, bytes, room: None };
                ClientMessage::Request(tarpc::Request { context, id, message })
            }
            (Up::Cancel { id }, rest) => {
                wire::nothing(rest)?;
                ClientMessage::Cancel { trace_context: trace::Context::default(), request_id: id }
            }
        }))
    }

    /// Nobody is left to answer: an error, so that what still runs for this peer ends with it.
    fn decode_eof(&mut self, from: &mut BytesMut) -> Result<Option<Self::Item>, WireError> {
        match self.decode(from)? {
            Some(message) => Ok(Some(message)),
            None => Err(WireError::Closed),
        }
    }
}

impl From<trace::Context> for Trace {
    fn from(context: trace::Context) -> Self {
        Self {
            trace: u128::from(context.trace_id).to_be_bytes(),
            span: u64::from(context.span_id).to_be_bytes(),
            sampled: context.sampling_decision == trace::SamplingDecision::Sampled,
        }
    }
}

impl From<Trace> for trace::Context {
    fn from(on_wire: Trace) -> Self {
        Self {
            trace_id: u128::from_be_bytes(on_wire.trace).into(),
            span_id: u64::from_be_bytes(on_wire.span).into(),
            sampling_decision: if on_wire.sampled {
                trace::SamplingDecision::Sampled
            } else {
                trace::SamplingDecision::Unsampled
            },
        }
    }
}
