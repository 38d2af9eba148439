//! One connection: once it is admitted, its calls, each in a task of its own.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use futures::{Sink, StreamExt};
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Services;
use super::admit::{self, Admitted, Arrived};
use super::budget::{Budget, Room};
use super::control::ControlCalls;
use super::data::DataCalls;
use super::idle::Idle;
use crate::config::LimitSettings;
use crate::request::Refusal;
use crate::rpc::Service;
use crate::rpc::client::sources;
use crate::rpc::codec::{self, Answer, Goodbye, Received};
use crate::rpc::hello::Purpose;
use crate::rpc::wire::GRACE;

/// How a server is told to end.
#[derive(Clone)]
pub(super) struct Stopping {
    /// Begin nothing new.
    pub(super) gently: CancellationToken,
    /// Drop what still runs.
    pub(super) now: CancellationToken,
}

/// What a connection's calls run on. When the last clone is dropped, what the connection has open
/// ends.
pub(super) trait Calls: Clone + Send + 'static {
    type Service: Service;
    /// What a call has from being taken up.
    type Taken: Send + 'static;

    /// Takes up a call. Happens in the order in which the calls came; running them does not.
    fn take_up(&self, request: &Request<Self>) -> Self::Taken;

    /// Runs it until it is done or dropped, by `deadline`.
    fn run(
        self,
        taken: Self::Taken,
        request: Request<Self>,
        deadline: Instant,
    ) -> BoxFuture<'static, Answer<Self::Service>>;

    /// Whether something is open between two calls, which has a time of its own.
    fn is_open(&self) -> bool {
        false
    }

    /// The connection has ended: nothing can be asked of what it has open.
    fn close(&self);
}

pub(super) type Request<C> = <<C as Calls>::Service as Service>::Request;

/// Serves one connection until it ends.
pub(super) async fn serve(
    arrived: Arrived,
    services: Arc<Services>,
    budget: Arc<Budget>,
    stopping: Stopping,
    tasks: TaskTracker,
) {
    let from = arrived.from;
    let admitted = stopping.gently.run_until_cancelled(admit::admit(arrived, &services)).await;
    let Some(Some(Admitted { stream, session, identity, peer, purpose, seat: _seat })) = admitted else {
        return;
    };
    tracing::debug!(%from, node = peer.node, %identity, ?purpose, "a node connected");
    let limits = &services.limits;
    // Its own end, besides the node's: what let it in may not be accepted any more.
    let ending = Stopping { gently: stopping.gently.child_token(), now: stopping.now.child_token() };
    let watched = session.watch(ending.gently.clone(), ending.now.clone());
    // Nor is it when this node's LiteFS comes to belong to another cluster.
    let (litefs, now, cluster) = (services.identity.litefs.clone(), ending.now.clone(), peer.litefs.clone());
    let left = async {
        litefs.no_longer(&cluster).await;
        now.cancel();
        std::future::pending().await
    };
    let served = async {
        match purpose {
            Purpose::Data => {
                let calls = DataCalls::new(Arc::clone(&services), stopping.gently.clone());
                run(stream, calls, limits, &budget, &ending, &tasks).await;
            }
            Purpose::Control => {
                let calls = ControlCalls::new(Arc::clone(&services), peer);
                run(stream, calls, limits, &budget, &ending, &tasks).await;
            }
        }
    };
    tokio::select! {
        () = served => {}
        () = watched => {}
        () = left => {}
    }
}

/// Runs calls until the peer closes the connection, its own `stopping` ends it, or nothing uses it. A call that was given up
/// (cancelled by its caller, or its connection is gone) is dropped where it stands.
pub(super) async fn run<C: Calls, T: AsyncRead + AsyncWrite>(
    io: T,
    calls: C,
    limits: &LimitSettings,
    budget: &Arc<Budget>,
    stopping: &Stopping,
    tasks: &TaskTracker,
) {
    let transport = codec::answerer::<C::Service, T>(io, limits.max_frame);
    let config = tarpc::server::Config { pending_response_buffer: 1024 };
    let mut requests = pin!(BaseChannel::new(config, transport).requests());
    let (mut gently, mut now) = (pin!(stopping.gently.cancelled()), pin!(stopping.now.cancelled()));
    let mut said_goodbye = false;
    let mut idle = Idle::new(limits.idle);
    loop {
        // What is there to do comes first: the others are looked at when there is nothing.
        let next = tokio::select! {
            biased;
            next = requests.next() => next,
            () = &mut now => break,
            () = &mut gently, if !said_goodbye => {
                said_goodbye = true;
                let mut channel = requests.as_mut();
                let transport = channel.channel_pin_mut().get_pin_ref();
                match Sink::<Goodbye>::start_send(transport, Goodbye) {
                    Ok(()) => continue,
                    Err(_) => break,
                }
            }
            () = idle.over() => {
                match requests.channel().in_flight_requests() > 0 || calls.is_open() {
                    true => idle.used(),
                    // It was told to go, had the time, and says nothing.
                    false if said_goodbye => break,
                    // A call that is on its way here is still answered.
                    false => {
                        stopping.gently.cancel();
                        idle.restart(limits.drain);
                    }
                }
                continue;
            }
        };
        match next {
            Some(Ok(request)) => {
                idle.used();
                let many = requests.channel().in_flight_requests() > limits.calls;
                let bytes = request.get().message.bytes;
                let room = if many { Err(Refusal::Overloaded) } else { budget.take(bytes) };
                let call = call(&calls, &request.get().message, room);
                tasks.spawn(request.execute(tarpc::server::serve(call)));
            }
            Some(Err(error)) => {
                tracing::debug!(error = %sources(&error), "a connection ended");
                break;
            }
            None => break,
        }
    }
    calls.close();
}

/// A call's way to its answer, as tarpc wants it; ours never fails in tarpc's own way.
type Running<C> = BoxFuture<'static, Result<Answer<<C as Calls>::Service>, ServerError>>;

/// One call, as tarpc wants it.
fn call<C: Calls>(
    calls: &C,
    request: &Received<Request<C>>,
    room: Result<Room, Refusal>,
) -> impl FnOnce(Context, Received<Request<C>>) -> Running<C> + use<C> {
    let taken = match (&request.request, room) {
        (Ok(request), Ok(room)) => Ok((calls.clone(), calls.take_up(request), room)),
        (Ok(_), Err(refusal)) => Err(refusal),
        (Err(unreadable), _) => Err(Refusal::Refused(unreadable.to_string())),
    };
    move |context, Received { request, .. }| {
        let running = match (taken, request) {
            (Ok((calls, taken, room)), Ok(request)) => {
                Ok((calls.run(taken, request, context.deadline - GRACE), room))
            }
            (Ok(_), Err(unreadable)) => Err(Refusal::Refused(unreadable.to_string())),
            (Err(refusal), _) => Err(refusal),
        };
        Box::pin(async move {
            match running {
                Ok((running, _room)) => Ok(running.await),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
    }
}
