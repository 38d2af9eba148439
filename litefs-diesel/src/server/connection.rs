//! One connection: once it is admitted, its calls, each in a task of its own.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
use tarpc::{ChannelError, ServerError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Services;
use super::admit::{self, Admitted, Arrived};
use super::budget::Budget;
use super::control::ControlCalls;
use super::data::DataCalls;
use super::idle::Idle;
use super::paced::Paced;
use super::reason::Reason;
use super::refused::Caller;
use super::replies::{Ready, Waiting};
use crate::config::LimitSettings;
use crate::error::Bound;
use crate::request::{Allowance, Held, Refusal};
use crate::rpc::Service;
use crate::rpc::client::{MAX_IN_FLIGHT, sources};
use crate::rpc::codec::{self, Answer, Received};
use crate::rpc::hello::Purpose;
use crate::rpc::wire::WireError;
use crate::shares::{Share, Shares};
use crate::shortened::TEXT;
use crate::statement::Most;

/// How long after its deadline a call is ended by force. Until then whoever runs it may still say what came of
/// it.
const GRACE: Duration = Duration::from_secs(1);

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

    /// How many of them one connection has at once.
    fn most(limits: &LimitSettings) -> usize {
        limits.requests_per_connection
    }

    /// What one takes of this node, on the connection whose calls are `own`.
    fn admit(budget: &Budget, own: &Arc<Shares>, call: &Received<Request<Self>>) -> Result<Held, Bound> {
        budget.admit(own, call.bytes, call.room.as_ref().map_or(0, Share::count))
    }

    /// How many bytes an answer takes while it waits to be sent, about.
    fn weight(reply: &<Self::Service as Service>::Reply) -> usize;

    /// Whether something is open between two calls, which has a time of its own.
    fn is_open(&self) -> bool {
        false
    }

    /// The connection has ended: nothing can be asked of what it has open.
    fn close(&self);
}

pub(super) type Request<C> = <<C as Calls>::Service as Service>::Request;

/// Serves one connection until it ends.
pub(super) async fn serve(arrived: Arrived, services: Arc<Services>, stopping: Stopping, tasks: TaskTracker) {
    let from = arrived.from;
    let admitted = stopping.gently.run_until_cancelled(admit::admit(arrived, &services)).await;
    let Some(Some(Admitted { stream, session, identity, peer, purpose, seat: _seat })) = admitted else {
        return;
    };
    tracing::debug!(%from, node = peer.node, %identity, ?purpose, "a node connected");
    let (limits, budget) = (&services.limits, &services.budget);
    let caller = Caller::new(Arc::clone(&services.refused), from, &peer.node);
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
                let (services, named) = (Arc::clone(&services), caller.clone());
                let calls = DataCalls::new(services, named, &peer.node, stopping.gently.clone());
                run(stream, calls, &caller, limits, budget, &ending, &tasks).await;
            }
            Purpose::Control => {
                let calls = ControlCalls::new(Arc::clone(&services), peer);
                run(stream, calls, &caller, limits, budget, &ending, &tasks).await;
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
pub(super) async fn run<C: Calls, T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    calls: C,
    caller: &Caller,
    limits: &LimitSettings,
    budget: &Arc<Budget>,
    stopping: &Stopping,
    tasks: &TaskTracker,
) {
    let most_calls = C::most(limits);
    let own = Shares::new("limits.requests_per_connection", most_calls);
    // What is over the bound is refused, but a refusal waits, too, for one who does not read. No node has so many.
    let no_more = 2 * most_calls.max(MAX_IN_FLIGHT);
    let most = Most::new(limits.result_rows, limits.result_bytes);
    let waiting = budget.replies.line();
    let transport = codec::answerer::<C::Service, T>(io, limits.max_frame);
    let transport = Paced::new(transport, Arc::clone(&waiting), Arc::clone(&budget.request_bytes));
    let config = tarpc::server::Config { pending_response_buffer: 1024 };
    let mut requests = pin!(BaseChannel::new(config, transport).requests());
    let (mut gently, mut now) = (pin!(stopping.gently.cancelled()), pin!(stopping.now.cancelled()));
    let mut cut = pin!(waiting.cut());
    let mut said_goodbye = false;
    let mut idle = Idle::new(limits.idle);
    loop {
        // What is there to do comes first: the others are looked at when there is nothing.
        let next = tokio::select! {
            biased;
            next = requests.next() => next,
            () = &mut now => break,
            () = &mut cut => {
                caller.note(Reason::ReplyBytes, &"others' answers wait to be sent");
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
                // Answers that wait count, too, and those are tarpc's to count.
                let in_flight = requests.channel().in_flight_requests();
                if in_flight > no_more {
                    caller
                        .note(Reason::CallsUnanswered, &format_args!("{in_flight} calls have no answer yet"));
                    break;
                }
                let message = &request.get().message;
                let held = match in_flight > most_calls {
                    true => Err(own.bound().clone()),
                    false => C::admit(budget, &own, message),
                };
                let call = call(&calls, caller, message, held, most, Arc::clone(&waiting));
                tasks.spawn(request.execute(tarpc::server::serve(call)));
            }
            Some(Err(error)) => {
                let text = sources(&error);
                tracing::debug!(error = text, "a connection ended");
                if let Some(reason) = their_fault(&error) {
                    caller.note(reason, &text);
                }
                break;
            }
            None => break,
        }
    }
    calls.close();
}

/// For what a connection ended, when that is what came on it, or did not go.
fn their_fault(error: &ChannelError<WireError>) -> Option<Reason> {
    let (ChannelError::Read(error)
    | ChannelError::Ready(error)
    | ChannelError::Write(error)
    | ChannelError::Flush(error)
    | ChannelError::Close(error)) = error;
    match &**error {
        WireError::Announced { .. } | WireError::Damaged(_) => Some(Reason::Frame),
        WireError::Full(_) => Some(Reason::RequestBytes),
        WireError::NotWhole => Some(Reason::FrameTime),
        WireError::NotTaken => Some(Reason::ReplyTime),
        _ => None,
    }
}

/// A call's way to its answer, as tarpc wants it; ours never fails in tarpc's own way.
type Running<C> = BoxFuture<'static, Result<Ready<<C as Calls>::Service>, ServerError>>;

/// One call, as tarpc wants it.
fn call<C: Calls>(
    calls: &C,
    caller: &Caller,
    request: &Received<Request<C>>,
    held: Result<Held, Bound>,
    most: Most,
    waiting: Arc<Waiting>,
) -> impl FnOnce(Context, Received<Request<C>>) -> Running<C> + use<C> {
    let taken = match (&request.request, held) {
        (Ok(request), Ok(held)) => Ok((calls.clone(), calls.take_up(request), held)),
        (Ok(_), Err(bound)) => {
            let refusal = Refusal::Overloaded(bound);
            caller.refused(&refusal);
            Err(refusal)
        }
        (Err(unreadable), _) => {
            caller.note(Reason::Unreadable, unreadable);
            Err(Refusal::Refused(unreadable.to_string()))
        }
    };
    let caller = caller.clone();
    move |_, Received { request, deadline, room, .. }| {
        let running = match (taken, request) {
            (Ok((calls, taken, held)), Ok(request)) => {
                let held = if room.is_some() { Held::new((held, room)) } else { held };
                Ok(calls.run(taken, request, Allowance { deadline, most, held }))
            }
            (Ok(_), Err(unreadable)) => Err(Refusal::Refused(unreadable.to_string())),
            (Err(refusal), _) => Err(refusal),
        };
        Box::pin(async move {
            let mut answer = match running {
                Ok(running) => {
                    let ran = tokio::time::timeout_at((deadline + GRACE).into(), running).await;
                    ran.unwrap_or_else(|_| {
                        let why = "it was still running after its deadline";
                        caller.note(Reason::Overdue, &why);
                        Err(Refusal::Unknown(why.to_owned()))
                    })
                }
                Err(refusal) => Err(refusal),
            };
            let weight =
                answer.as_mut().map_or_else(|refusal| refusal.shorten(TEXT), |reply| C::weight(reply));
            Ok(waiting.ready(answer, weight))
        })
    }
}
