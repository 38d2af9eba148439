//! A call that does nothing until it is polled.

use std::task::{Context, Poll};

use futures::future::BoxFuture;

/// What a call is at: its plan, whose terms may still change; its run; or its end.
pub(super) enum Lazy<P, R> {
    Waiting(P),
    Running(BoxFuture<'static, R>),
    Done,
}

impl<P, R> Lazy<P, R> {
    /// Changes the terms of a call that has not begun.
    pub(super) fn set(&mut self, change: impl FnOnce(&mut P)) {
        if let Self::Waiting(plan) = self {
            change(plan);
        }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        start: impl FnOnce(P) -> BoxFuture<'static, R>,
    ) -> Poll<R> {
        let mut running = match std::mem::replace(self, Self::Done) {
            Self::Waiting(plan) => start(plan),
            Self::Running(running) => running,
            Self::Done => panic!("a call was polled after it had given its result"),
        };
        let polled = running.as_mut().poll(cx);
        if polled.is_pending() {
            *self = Self::Running(running);
        }
        polled
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Waiting(_) => "not begun",
            Self::Running(_) => "running",
            Self::Done => "done",
        }
    }
}
