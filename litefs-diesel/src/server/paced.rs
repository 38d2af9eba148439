//! A connection's frames, none of which is held for longer or in greater number than others can bear.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::{Sink, Stream};
use tarpc::{ClientMessage, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Framed;

use super::replies::{Part, Ready, Waiting};
use crate::rpc::Service;
use crate::rpc::codec::{Answer, Answerer, BUFFER, Goodbye, Received};
use crate::rpc::wire::WireError;
use crate::shares::Share;

/// What is read of a frame that is not whole yet counts as a request when it is more than this.
const UNCOUNTED: usize = 2 * BUFFER;

/// The frames of `framed`.
pub(super) struct Paced<S: Service, T> {
    framed: Framed<T, Answerer<S>>,
    waiting: Arc<Waiting>,
    /// What is in the buffer, not written yet: each answer's part, and how many bytes it has there.
    buffered: VecDeque<(Part, usize)>,
    /// How many bytes they have together.
    bytes: usize,
    /// The buffer has grown, and is given back once it is empty.
    grown: bool,
    timer: Option<Pin<Box<Sleep>>>,
    /// Of the frame that is being read.
    reading: Share,
}

impl<S: Service, T: AsyncRead + AsyncWrite + Unpin> Paced<S, T> {
    pub(super) fn new(framed: Framed<T, Answerer<S>>, waiting: Arc<Waiting>, reading: Share) -> Self {
        let (buffered, bytes, grown, timer) = Default::default();
        Self { framed, waiting, buffered, bytes, grown, timer, reading }
    }

    /// Tells the peer to make no further calls.
    pub(super) fn goodbye(&mut self) -> Result<(), WireError> {
        Pin::new(&mut self.framed).start_send(Goodbye)
    }

    /// After something may have been written: what was taken is given back, and what was not taken in time
    /// is an error.
    fn after(
        &mut self,
        polled: Poll<Result<(), WireError>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), WireError>> {
        let left = self.framed.write_buffer().len();
        let before = self.buffered.len();
        while let Some((_, bytes)) = self.buffered.front()
            && self.bytes - bytes >= left
        {
            self.bytes -= bytes;
            self.buffered.pop_front();
        }
        if self.buffered.len() < before {
            self.waiting.first(self.buffered.front().map(|(part, _)| part.since));
        }
        if left == 0 && std::mem::take(&mut self.grown) {
            *self.framed.write_buffer_mut() = BytesMut::with_capacity(BUFFER);
        }
        match polled {
            Poll::Pending => self.late(cx).map(Err),
            ready => ready,
        }
    }

    /// When the first answer was not taken in time.
    fn late(&mut self, cx: &mut Context<'_>) -> Poll<WireError> {
        loop {
            let Some((part, _)) = self.buffered.front() else { return Poll::Pending };
            let due = self.waiting.due(part.since);
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if Instant::now() >= due {
                return Poll::Ready(WireError::NotTaken);
            }
        }
    }
}

impl<S: Service, T: AsyncRead + AsyncWrite + Unpin> Stream for Paced<S, T> {
    type Item = Result<ClientMessage<Received<S::Request>>, WireError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.framed).poll_next(cx);
        let held = this.framed.read_buffer().len();
        let held = if held > UNCOUNTED { held } else { 0 };
        match this.reading.resize(held) {
            Ok(()) => polled,
            Err(bound) => Poll::Ready(Some(Err(WireError::Full(bound)))),
        }
    }
}

impl<S: Service, T: AsyncRead + AsyncWrite + Unpin> Sink<Response<Ready<S>>> for Paced<S, T> {
    type Error = WireError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let this = self.get_mut();
        let polled = Sink::<Response<Answer<S>>>::poll_ready(Pin::new(&mut this.framed), cx);
        this.after(polled, cx)
    }

    fn start_send(self: Pin<&mut Self>, response: Response<Ready<S>>) -> Result<(), WireError> {
        let this = self.get_mut();
        let Response { request_id, message } = response;
        let (message, part) = match message {
            Ok(Ready { answer, part }) => (Ok(answer), Some(part)),
            Err(error) => (Err(error), None),
        };
        let before = this.framed.write_buffer().len();
        Pin::new(&mut this.framed).start_send(Response { request_id, message })?;
        let after = this.framed.write_buffer().len();
        this.grown |= after > 4 * BUFFER;
        if let Some(part) = part {
            if this.buffered.is_empty() {
                this.waiting.first(Some(part.since));
            }
            this.bytes += after - before;
            this.buffered.push_back((part, after - before));
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let this = self.get_mut();
        let polled = Sink::<Response<Answer<S>>>::poll_flush(Pin::new(&mut this.framed), cx);
        this.after(polled, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let this = self.get_mut();
        let polled = Sink::<Response<Answer<S>>>::poll_close(Pin::new(&mut this.framed), cx);
        this.after(polled, cx)
    }
}
