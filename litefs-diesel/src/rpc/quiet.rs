//! Keeping tarpc from writing to the application's log what a peer can bring about as often as it likes.
//!
//! tarpc-0.38 writes an error for each call whose deadline it sees pass, on both sides, and a warning for each
//! call that is open when its transport fails. A subscriber of ours around it would not do: to set one for a
//! moment ends, for the whole process, what `tracing` tells an application that has only a logger. So tarpc is
//! shown nothing of the kind: its deadlines are [`beyond`] our own, and a transport that breaks looks to it
//! like one that [ended](Ending).

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{Sink, SinkExt, Stream, StreamExt};

use super::client::sources;
use super::wire::WireError;

/// When tarpc may see a call end that is to be answered by `deadline`: never, for whoever makes the call and
/// whoever runs it have timers of their own. A day is far from the two years at which tarpc panics. The field
/// `rpc.deadline` of tarpc's spans is that much later, too.
pub(super) fn beyond(deadline: Instant) -> Instant {
    const NEVER: Duration = Duration::from_secs(24 * 60 * 60);
    deadline + NEVER
}

/// A transport that ends where the one in it breaks. Whoever asks why looks at [`Why`].
pub(super) struct Ending<T> {
    transport: Pin<Box<T>>,
    why: Why,
}

/// Why a transport broke; empty as long as it did not.
#[derive(Clone, Default)]
pub(super) struct Why(Arc<OnceLock<String>>);

impl Why {
    pub(super) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl<T> Ending<T> {
    pub(super) fn new(transport: T) -> (Self, Why) {
        let why = Why::default();
        (Self { transport: Box::pin(transport), why: why.clone() }, why)
    }

    fn is_broken(&self) -> bool {
        self.why.get().is_some()
    }

    /// What is written to one that is broken is gone; that it ended is told with the next read.
    fn written(&self, written: Poll<Result<(), WireError>>, cx: &Context<'_>) -> Poll<Result<(), WireError>> {
        let Poll::Ready(Err(error)) = written else { return written };
        let _ = self.why.0.set(sources(&error));
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }
}

impl<T, I> Stream for Ending<T>
where
    T: Stream<Item = Result<I, WireError>>,
{
    type Item = Result<I, WireError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_broken() {
            return Poll::Ready(None);
        }
        match self.transport.poll_next_unpin(cx) {
            Poll::Ready(Some(Err(error))) => {
                let _ = self.why.0.set(sources(&error));
                Poll::Ready(None)
            }
            next => next,
        }
    }
}

impl<T, O> Sink<O> for Ending<T>
where
    T: Sink<O, Error = WireError>,
{
    type Error = WireError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        if self.is_broken() {
            return Poll::Ready(Ok(()));
        }
        let ready = self.transport.poll_ready_unpin(cx);
        self.written(ready, cx)
    }

    /// What cannot be encoded is the caller's to hear of, and breaks nothing.
    fn start_send(mut self: Pin<&mut Self>, item: O) -> Result<(), WireError> {
        if self.is_broken() { Ok(()) } else { self.transport.start_send_unpin(item) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        if self.is_broken() {
            return Poll::Ready(Ok(()));
        }
        let flushed = self.transport.poll_flush_unpin(cx);
        self.written(flushed, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        if self.is_broken() {
            return Poll::Ready(Ok(()));
        }
        let closed = self.transport.poll_close_unpin(cx);
        self.written(closed, cx)
    }
}
