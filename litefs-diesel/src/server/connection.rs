//! One connection: once it is admitted, its calls, each in a task of its own.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admit::{self, Admitted};
use super::budget::Budget;
use super::control::ControlCalls;
use super::data::DataCalls;
use super::paced::Paced;
use super::replies::{Ready, SMALL, Waiting};
use super::{Limits, Services};
use crate::request::{Allowance, Held, Refusal};
use crate::rpc::Service;
use crate::rpc::client::sources;
use crate::rpc::codec::{self, Answer, Received};
use crate::rpc::hello::Purpose;
use crate::rpc::wire::GRACE;
use crate::shares::Shares;
use crate::statement::Most;

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

    /// Runs it until it is done or dropped, by the deadline of `allowance`.
    fn run(
        self,
        taken: Self::Taken,
        request: Request<Self>,
        allowance: Allowance,
    ) -> BoxFuture<'static, Answer<Self::Service>>;

    /// How many bytes an answer takes while it waits to be sent, about.
    fn weight(reply: &<Self::Service as Service>::Reply) -> usize;

    /// The connection has ended: nothing can be asked of what it has open.
    fn close(&self);
}

pub(super) type Request<C> = <<C as Calls>::Service as Service>::Request;

/// Serves one connection until it ends.
pub(super) async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    services: Arc<Services>,
    budget: Arc<Budget>,
    stopping: Stopping,
    tasks: TaskTracker,
) {
    let admitted = stopping.gently.run_until_cancelled(admit::admit(stream, from, &services)).await;
    let Some(Some(Admitted { stream, session, identity, peer, purpose })) = admitted else { return };
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
                let calls = DataCalls::new(Arc::clone(&services), &budget, stopping.gently.clone());
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

/// Runs calls until the peer closes the connection or the node must end. A call that was given up
/// (cancelled by its caller, or its connection is gone) is dropped where it stands.
pub(super) async fn run<C: Calls, T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    calls: C,
    limits: &Limits,
    budget: &Arc<Budget>,
    stopping: &Stopping,
    tasks: &TaskTracker,
) {
    let own = Shares::new("limits.requests_per_connection", limits.calls);
    let waiting = budget.replies.line();
    let transport = codec::answerer::<C::Service, T>(io, limits.max_frame);
    let transport = Paced::new(transport, Arc::clone(&waiting), budget.request_bytes.take_anyway(0));
    let config = tarpc::server::Config { pending_response_buffer: 1024 };
    let mut requests = pin!(BaseChannel::new(config, transport).requests());
    let (mut gently, mut now) = (pin!(stopping.gently.cancelled()), pin!(stopping.now.cancelled()));
    let mut cut = pin!(waiting.cut());
    let mut said_goodbye = false;
    loop {
        // What is there to do comes first: the others are looked at when there is nothing.
        let next = tokio::select! {
            biased;
            next = requests.next() => next,
            () = &mut now => break,
            () = &mut cut => {
                tracing::debug!("a connection was ended that does not take its answers, for others wait to be sent");
                break;
            }
            () = &mut gently, if !said_goodbye => {
                said_goodbye = true;
                let mut channel = requests.as_mut();
                match channel.channel_pin_mut().get_pin_ref().get_mut().goodbye() {
                    Ok(()) => continue,
                    Err(_) => break,
                }
            }
        };
        match next {
            Some(Ok(request)) => {
                // Answers that wait count, too, and those are tarpc's to count.
                let many = requests.channel().in_flight_requests() > limits.calls;
                let bytes = request.get().message.bytes;
                let held = if many { Err(own.bound().clone()) } else { budget.admit(&own, bytes) };
                let held = held.map_err(Refusal::Overloaded);
                let call = call(&calls, &request.get().message, held, limits.result, Arc::clone(&waiting));
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
type Running<C> = BoxFuture<'static, Result<Ready<<C as Calls>::Service>, ServerError>>;

/// One call, as tarpc wants it.
fn call<C: Calls>(
    calls: &C,
    request: &Received<Request<C>>,
    held: Result<Held, Refusal>,
    most: Most,
    waiting: Arc<Waiting>,
) -> impl FnOnce(Context, Received<Request<C>>) -> Running<C> + use<C> {
    let taken = match (&request.request, held) {
        (Ok(request), Ok(held)) => Ok((calls.clone(), calls.take_up(request), held)),
        (Ok(_), Err(refusal)) => Err(refusal),
        (Err(unreadable), _) => Err(Refusal::Refused(unreadable.to_string())),
    };
    move |context, Received { request, .. }| {
        let running = match (taken, request) {
            (Ok((calls, taken, held)), Ok(request)) => {
                let allowance = Allowance { deadline: context.deadline - GRACE, most, held };
                Ok(calls.run(taken, request, allowance))
            }
            (Ok(_), Err(unreadable)) => Err(Refusal::Refused(unreadable.to_string())),
            (Err(refusal), _) => Err(refusal),
        };
        Box::pin(async move {
            let answer = match running {
                Ok(running) => running.await,
                Err(refusal) => Err(refusal),
            };
            let bytes = SMALL + answer.as_ref().map_or(0, C::weight);
            Ok(waiting.ready(answer, bytes))
        })
    }
}
