//! One database's position: reading it, and waiting for it.
//!
//! One thread reads for all who wait, and sleeps while nobody does; LiteFS's `tx` events are
//! believed too. Neither the number of reads nor of threads grows with the number of waiters.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::Sleep;

use super::gate::Gate;
use super::pace::Pace;
use super::position_file::{PositionFile, Read};
use super::role::Roles;
use super::seen::{New, Seen, Sight, Source};
use super::waiters::{self, Answer, Key, WaitError, Waiter, Waiters, is_of_another_history, judge};
use crate::position::Position;

/// A database's position on this node.
pub(crate) struct PositionWatch {
    watched: Arc<Watched>,
}

struct Watched {
    /// `None` on a node that is alone, where nothing is ever behind.
    file: Option<PositionFile>,
    roles: Arc<Roles>,
    /// Its clock ends the waits: the reading thread may itself hang, while LiteFS does.
    runtime: Option<Handle>,
    gate: Gate,
    /// Told of each new position.
    moved: watch::Sender<u64>,
    seen: Mutex<Seen>,
    state: Mutex<State>,
    /// Wakes the thread.
    work: Condvar,
    /// Says that the thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    waiters: Waiters,
    thread_runs: bool,
    /// Whether the thread sleeps for so long that a new waiter should wake it.
    thread_rests: bool,
    /// Whether somebody has come since the thread last looked.
    newcomer: bool,
    closed: bool,
    /// Why the position could not be read the last time it was tried.
    trouble: Option<(io::ErrorKind, String)>,
}

impl PositionWatch {
    /// `moved` is changed at each new position.
    pub(super) fn new(
        database: &Path,
        roles: Arc<Roles>,
        moved: watch::Sender<u64>,
        runtime: Handle,
    ) -> Self {
        Self::build(Some(PositionFile::new(database)), roles, moved, Some(runtime))
    }

    /// A node without LiteFS: at [`Position::ZERO`] for ever.
    pub(super) fn alone(roles: Arc<Roles>) -> Self {
        Self::build(None, roles, watch::Sender::new(0), None)
    }

    fn build(
        file: Option<PositionFile>,
        roles: Arc<Roles>,
        moved: watch::Sender<u64>,
        runtime: Option<Handle>,
    ) -> Self {
        let gate = Gate::new();
        let (seen, state, work, ended) = Default::default();
        Self { watched: Arc::new(Watched { file, roles, runtime, gate, moved, seen, state, work, ended }) }
    }

    /// The position as LiteFS has it now, and an error when LiteFS is dead; `None` for a database
    /// that it does not know. 20 to 40 µs; blocks while LiteFS is stopped where it is.
    pub(crate) fn read(&self) -> io::Result<Option<Position>> {
        let Some(file) = &self.watched.file else { return Ok(Some(Position::ZERO)) };
        self.watched.read(file, Read::Asked)
    }

    /// The last position seen, without looking: old when nobody has waited for long.
    #[cfg(test)]
    pub(crate) fn current(&self) -> Position {
        self.watched.seen.lock().position
    }

    /// The last position seen, without looking; `None` before the first.
    pub(crate) fn sight(&self) -> Option<Sight> {
        self.watched.seen.lock().sight()
    }

    /// Waits until this node is at `target` or past it, taking the role as it is now for the one
    /// under which `target` came to be. Cancel-safe, and may be polled by any executor.
    pub(crate) fn wait(
        &self,
        target: Position,
        deadline: Instant,
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.wait_in(self.watched.roles.epoch(), false, target, deadline)
    }

    /// Waits until this node is at a commit of the primary of `epoch`: the role's when the write was
    /// sent.
    pub(crate) fn wait_since(
        &self,
        epoch: u64,
        target: Position,
        deadline: Instant,
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.wait_in(epoch, true, target, deadline)
    }

    fn wait_in(
        &self,
        epoch: u64,
        fresh: bool,
        target: Position,
        deadline: Instant,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let watched = self.watched.clone();
        // Registered at the first poll, so that a future that is never polled waits for nothing.
        async move {
            match watched.clone().begin(epoch, fresh, target, deadline) {
                Begun::Done(answer) => answer,
                Begun::Waiting(wait) => wait.await,
            }
        }
    }

    /// A write is about to be sent whose position will be waited for here.
    pub(crate) fn expect(&self) {
        self.watched.gate.expect(Instant::now());
    }

    /// Holds reads of this database back while it is behind.
    pub(crate) fn gate(&self) -> &Gate {
        &self.watched.gate
    }

    /// How often the position file was read, whoever asked.
    pub(crate) fn reads(&self) -> u64 {
        self.watched.file.as_ref().map_or(0, PositionFile::reads)
    }

    /// Ends all waits with [`WaitError::Closed`], ends the thread and closes the descriptor. Waits
    /// for the thread for at most a second: one that hangs with LiteFS ends when LiteFS does.
    pub(crate) fn close(&self) {
        let mut state = self.watched.state.lock();
        state.closed = true;
        let waiters = state.waiters.take_all();
        self.watched.work.notify_all();
        if state.thread_runs {
            self.watched.ended.wait_for(&mut state, Duration::from_secs(1));
        }
        drop(state);
        for waiter in waiters {
            let _ = waiter.answer.send(Err(WaitError::Closed));
        }
        self.watched.gate.open(Instant::now());
        self.forget_descriptor();
    }

    /// A `tx` event said so.
    pub(super) fn told(&self, position: Position) {
        self.watched.saw(position, self.watched.roles.epoch(), Source::Event);
    }

    /// Closes the descriptor until the next read: LiteFS cannot unmount while it is open.
    pub(super) fn forget_descriptor(&self) {
        if let Some(file) = &self.watched.file {
            file.forget();
        }
    }
}

impl Drop for PositionWatch {
    fn drop(&mut self) {
        self.close();
    }
}

enum Begun {
    Done(Answer),
    Waiting(Wait),
}

impl Watched {
    fn begin(self: Arc<Self>, epoch: u64, fresh: bool, target: Position, deadline: Instant) -> Begun {
        let (Some(_), Some(runtime)) = (&self.file, &self.runtime) else {
            return Begun::Done(Ok(Position::ZERO));
        };
        let seen = *self.seen.lock();
        if target == Position::ZERO {
            return Begun::Done(Ok(seen.position));
        }
        // What was seen under an earlier role may have been dropped since: it has to be read anew.
        if seen.epoch == Some(self.roles.epoch())
            && let Some(Ok(have)) = judge(target, epoch, seen.position, self.roles.epoch())
            && !is_of_another_history(fresh, target, have, seen.proven)
        {
            return Begun::Done(Ok(have));
        }
        let sleep = {
            let _inside = runtime.enter();
            Box::pin(tokio::time::sleep_until(deadline.into()))
        };
        let (sender, answer) = oneshot::channel();
        let mut state = self.state.lock();
        if state.closed {
            return Begun::Done(Err(WaitError::Closed));
        }
        if !state.thread_runs {
            let watched = self.clone();
            let spawned =
                std::thread::Builder::new().name("litefs-position".into()).spawn(move || watched.run());
            if let Err(error) = spawned {
                return Begun::Done(Err(WaitError::Unreadable(error)));
            }
            state.thread_runs = true;
        }
        let key = state.waiters.add(Waiter { target, epoch, fresh, answer: sender });
        state.newcomer = true;
        if state.thread_rests {
            self.work.notify_one();
        }
        drop(state);
        Begun::Waiting(Wait { watched: self, key, target, answer, sleep })
    }

    fn read(&self, file: &PositionFile, how: Read) -> io::Result<Option<Position>> {
        let (epoch, count) = (self.roles.epoch(), self.seen.lock().count);
        let position = file.read(how)?;
        self.saw(position.unwrap_or(Position::ZERO), epoch, Source::File(count));
        Ok(position)
    }

    /// Answers those who are reached by a position; `epoch` is the role's from before it was read.
    fn saw(&self, position: Position, epoch: u64, source: Source) {
        let Some(New { dropped, proven, changed }) = self.seen.lock().see(position, epoch, source) else {
            return;
        };
        if changed {
            self.moved.send_modify(|count| *count += 1);
        }
        let mut reached = Vec::new();
        {
            let mut state = self.state.lock();
            state.trouble = None;
            if let Some(dropped) = dropped {
                reached = state.waiters.take_until_epoch(dropped);
            }
            reached.append(&mut state.waiters.take_reached(position.txid));
        }
        // The role as of now, after the read: a change in between is not missed.
        waiters::answer(reached, position, self.roles.epoch(), proven);
    }

    /// The thread.
    fn run(&self) {
        let mut pace = Pace::start();
        loop {
            {
                let mut state = self.state.lock();
                if state.waiters.is_empty() && !state.closed {
                    self.gate.open(Instant::now());
                    state.thread_rests = true;
                    while state.waiters.is_empty() && !state.closed {
                        self.work.wait(&mut state);
                    }
                    state.thread_rests = false;
                }
                if state.closed {
                    state.thread_runs = false;
                    self.ended.notify_all();
                    return;
                }
                if std::mem::take(&mut state.newcomer) {
                    pace.restart();
                }
            }
            let pause = self.look(&mut pace);
            let mut state = self.state.lock();
            if !state.waiters.is_empty() && !state.closed && !state.newcomer {
                state.thread_rests = pause > Pace::SHORT;
                self.work.wait_for(&mut state, pause);
                state.thread_rests = false;
            } else if state.newcomer {
                // Never read faster than at the shortest pause, however many come.
                self.work.wait_for(&mut state, Pace::SHORT);
            }
        }
    }

    /// Reads once and gives the pause until the next.
    fn look(&self, pace: &mut Pace) -> Duration {
        let Some(file) = &self.file else { return Pace::LONG };
        match self.read(file, pace.how()) {
            Ok(_) => {
                let behind = !self.state.lock().waiters.is_empty();
                if behind && !self.roles.is_primary() {
                    self.gate.close(Instant::now());
                } else {
                    self.gate.open(Instant::now());
                }
                pace.next()
            }
            Err(error) => {
                // Catching up is out of reach: readers are not to pay for it.
                self.gate.open(Instant::now());
                self.state.lock().trouble = Some((error.kind(), error.to_string()));
                Pace::LONG
            }
        }
    }
}

/// A registered wait.
struct Wait {
    watched: Arc<Watched>,
    key: Key,
    target: Position,
    answer: oneshot::Receiver<Answer>,
    sleep: Pin<Box<Sleep>>,
}

impl Future for Wait {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(context) {
            return Poll::Ready(answer.unwrap_or(Err(WaitError::Closed)));
        }
        if self.sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let have = self.watched.seen.lock().position;
        let trouble = self.watched.state.lock().trouble.clone();
        Poll::Ready(Err(match trouble {
            Some((kind, text)) => WaitError::Unreadable(io::Error::new(kind, text)),
            None => WaitError::Deadline { target: self.target, have },
        }))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.watched.state.lock().waiters.remove(self.key);
    }
}
