//! A connection's frames, none of which is held for longer or in greater number than others can bear.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::{Sink, Stream};
use tarpc::{ClientMessage, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::Sleep;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, Framed};

use super::replies::{Part, Ready, Waiting};
use crate::rpc::Service;
use crate::rpc::codec::{Answer, Answerer, BUFFER, Goodbye, Received};
use crate::rpc::wire::{self, WireError};
use crate::shares::{Share, Shares};

/// A frame of more than this is read when there is room for all of it: if it were taken bit by bit, several
/// might each have a part of the room and wait for the others.
const UNCOUNTED: usize = 2 * BUFFER;

/// A message that came.
type Message<S> = ClientMessage<Received<<S as Service>::Request>>;

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
    answered: Timer,
    /// Where the room for large frames comes from.
    bytes_of_all: Arc<Shares>,
    /// That of the frame that is being read.
    room: Option<Share>,
    /// Since when a part of a frame is there, and no more.
    since: Option<Instant>,
    whole: Timer,
}

/// Tells when a moment has passed that is only ever put off; it is set anew only when it fires.
#[derive(Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn poll(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let timer = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
            ready!(timer.as_mut().poll(cx));
            self.0 = None;
            if Instant::now() >= due {
                return Poll::Ready(());
            }
        }
    }
}

impl<S: Service, T: AsyncRead + AsyncWrite + Unpin> Paced<S, T> {
    pub(super) fn new(
        framed: Framed<T, Answerer<S>>,
        waiting: Arc<Waiting>,
        bytes_of_all: Arc<Shares>,
    ) -> Self {
        let (buffered, bytes, grown, answered) = Default::default();
        let (room, since, whole) = Default::default();
        Self { framed, waiting, buffered, bytes, grown, answered, bytes_of_all, room, since, whole }
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
        let Some((part, _)) = self.buffered.front() else { return Poll::Pending };
        self.answered.poll(self.waiting.due(part.since), cx).map(|()| WireError::NotTaken)
    }

    /// The next message. `buffer` is that of `framed`, which by itself would read on when there is no room.
    fn read(&mut self, buffer: &mut BytesMut, cx: &mut Context<'_>) -> Poll<Result<Message<S>, WireError>> {
        loop {
            if let Some(mut message) = self.framed.codec_mut().decode(buffer)? {
                self.since = None;
                let room = self.room.take();
                if let ClientMessage::Request(request) = &mut message {
                    request.message.room = room;
                }
                return Poll::Ready(Ok(message));
            }
            if self.room.is_none()
                && let Some(length @ UNCOUNTED..) = wire::announced(buffer)
            {
                self.room = Some(ready!(self.bytes_of_all.poll_take(length, cx)));
            }
            buffer.reserve(1);
            // Dropped while it waits it has read nothing.
            if ready!(pin!(self.framed.get_mut().read_buf(buffer)).poll(cx))? == 0 {
                return Poll::Ready(Err(WireError::Closed));
            }
        }
    }

    /// When the frame of which this is a part was not whole in time.
    fn torn(&mut self, part: &[u8], cx: &mut Context<'_>) -> Poll<WireError> {
        if part.is_empty() {
            return Poll::Pending;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        ready!(self.whole.poll(self.waiting.due(since), cx));
        Poll::Ready(match wire::announced(part) {
            Some(UNCOUNTED..) if self.room.is_none() => WireError::Full(self.bytes_of_all.bound().clone()),
            _ => WireError::NotWhole,
        })
    }
}

impl<S: Service, T: AsyncRead + AsyncWrite + Unpin> Stream for Paced<S, T> {
    type Item = Result<Message<S>, WireError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let mut buffer = std::mem::take(this.framed.read_buffer_mut());
        let polled = match this.read(&mut buffer, cx) {
            Poll::Pending => this.torn(&buffer, cx).map(Err),
            ready => ready,
        };
        *this.framed.read_buffer_mut() = buffer;
        polled.map(Some)
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
