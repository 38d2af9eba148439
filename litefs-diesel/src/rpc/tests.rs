//! The wire and the codec, over a stream in memory.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use serde::Serialize;
use tarpc::server::{BaseChannel, Channel};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio_util::bytes::{Bytes, BytesMut};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::client::{Client, Failure, Message};
use super::data::{Data, Reply, Request};
use super::wire::{self, Down, Trace, Up, WireError};
use super::{Service, codec};
use crate::position::Position;
use crate::request::Refusal;
use crate::request::{Ask, RequestId, SessionUse, Stamp, Work, Write, WriteRequest, Written};
use crate::statement::{Session, Statement, Want};
use crate::value::{ValueRef, Values};

mod damage;
mod hello;
mod quiet;
mod refusals;
mod vectors;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn write_request(sql: &str, blob: usize) -> WriteRequest {
    let binds: Values = [ValueRef::Integer(7), ValueRef::Blob(&vec![1; blob])].into_iter().collect();
    let statement = Statement { sql: sql.into(), binds, cacheable: true, want: Want::Count };
    let id = RequestId { client: u128::MAX, sequence: 3 };
    let stamp = Stamp { id, hash: 5, forgotten: 2, again: true };
    let session = SessionUse::Brought(Session::default());
    let write = Write { work: Work::Statements(vec![statement]), session, alone: false, key: None };
    WriteRequest { stamp, ask: Ask::Run(write) }
}

fn write(request: &WriteRequest) -> Request<'_> {
    Request::Write { repo: Cow::Borrowed("Repo"), request: Cow::Borrowed(request) }
}

/// Frames by hand: what a peer of another version, or a broken one, would send and see.
type Raw = Framed<DuplexStream, LengthDelimitedCodec>;

fn raw(io: DuplexStream) -> Raw {
    LengthDelimitedCodec::builder().max_frame_length(wire::MAX_FRAME).new_framed(io)
}

fn call(id: u64, deadline_ms: u32, body: &[u8]) -> Bytes {
    let head = Up::Call { id, deadline_ms, trace: Trace::default() };
    [&postcard::to_allocvec(&head).unwrap(), body].concat().into()
}

fn body(message: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(message).unwrap()
}

async fn answer(raw: &mut Raw) -> (u64, Result<Reply, Refusal>) {
    let frame = raw.next().await.unwrap().unwrap();
    match wire::split(&frame).unwrap() {
        (Down::Answer { id }, body) => (id, wire::read(body).unwrap()),
        (Down::Goodbye, _) => panic!("goodbye"),
    }
}

/// Answers every call on `io` by what `answer` says.
fn answer_all<S: Service>(
    io: impl AsyncRead + AsyncWrite + Send + 'static,
    max_frame: usize,
    answer: fn(S::Request, Duration) -> codec::Answer<S>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let channel = BaseChannel::with_defaults(codec::answerer::<S, _>(io, max_frame));
        let mut requests = Box::pin(channel.requests());
        while let Some(Ok(request)) = requests.next().await {
            let answer = move |_: tarpc::context::Context, codec::Received { request, deadline, .. }| async move {
                let left = deadline.duration_since(Instant::now());
                let request: Result<S::Request, _> = request;
                Ok(match request {
                    Ok(request) => answer(request, left),
                    Err(unreadable) => Err(Refusal::Refused(unreadable.to_string())),
                })
            };
            tokio::spawn(request.execute(tarpc::server::serve(answer)));
        }
    })
}

/// Answers writes with the time they have left, and twice as many bytes as their binds have.
fn serve(io: impl AsyncRead + AsyncWrite + Send + 'static, max_frame: usize) -> tokio::task::JoinHandle<()> {
    answer_all::<Data>(io, max_frame, |request, left| match request {
        Request::Write { request, .. } => {
            let Ask::Run(write) = &request.ask else { panic!("{request:?}") };
            let blob = vec![0; 2 * write.statements()[0].binds.byte_len()];
            Ok(Reply::Committed(written(left.as_millis() as i64, &blob)))
        }
        other => Err(Refusal::Refused(format!("{other:?}"))),
    })
}

fn written(changes: i64, blob: &[u8]) -> Written {
    let rows = crate::statement::Rows {
        columns: vec!["a".into()],
        count: 1,
        values: [ValueRef::Blob(blob)].into_iter().collect(),
    };
    Written {
        outcomes: vec![crate::statement::Outcome { count: 1, rows: Some(rows) }],
        reply: None,
        session: Session { last_insert_rowid: 1, changes },
        position: Position { txid: 9, checksum: 8 },
    }
}

fn client(io: impl AsyncRead + AsyncWrite + Send + 'static, max_frame: usize) -> Client<Data> {
    let (client, driver) = Client::new(io, max_frame);
    tokio::spawn(driver);
    client
}

#[tokio::test]
async fn a_call_goes_over_the_wire_and_back() {
    let (here, there) = duplex(1 << 16);
    serve(there, wire::MAX_FRAME);
    let client = client(here, wire::MAX_FRAME);
    let request = write_request("INSERT", 100_000);
    let reply = client.call(Message::new(&write(&request)), soon()).await.unwrap();
    assert!(matches!(reply, Reply::Committed(written) if written.position.txid == 9));
}

#[tokio::test]
async fn five_hundred_calls_share_a_connection() {
    let (here, there) = duplex(1 << 12);
    serve(there, wire::MAX_FRAME);
    let client = client(here, wire::MAX_FRAME);
    let request = write_request("INSERT", 10);
    let message = Message::new(&write(&request));
    let calls = (0..500).map(|_| client.call(message.clone(), soon()));
    for reply in futures::future::join_all(calls).await {
        assert!(matches!(reply, Ok(Reply::Committed(_))), "{reply:?}");
    }
}

#[tokio::test]
async fn the_largest_deadline_of_a_peer_is_cut_to_ten_minutes() {
    let (here, there) = duplex(1 << 16);
    serve(there, wire::MAX_FRAME);
    let mut raw = raw(here);
    let request = write_request("INSERT", 10);
    raw.send(call(1, u32::MAX, &body(&write(&request)))).await.unwrap();
    let (_, reply) = answer(&mut raw).await;
    let Ok(Reply::Committed(written)) = reply else { panic!("{reply:?}") };
    let most = wire::MAX_CALL.as_millis() as i64;
    assert!((most - 10_000..=most).contains(&written.session.changes), "{}", written.session.changes);
}

#[tokio::test]
async fn the_largest_deadline_of_a_caller_is_cut_to_ten_minutes() {
    let (here, there) = duplex(1 << 16);
    serve(there, wire::MAX_FRAME);
    let client = client(here, wire::MAX_FRAME);
    let request = write_request("INSERT", 10);
    let far = Instant::now() + Duration::from_secs(100_000_000);
    assert!(client.call(Message::new(&write(&request)), far).await.is_ok());
}

#[test]
fn a_peer_is_told_a_little_less_than_is_left() {
    let now = Instant::now();
    let told = |left| wire::deadline_ms(now + Duration::from_millis(left), now);
    assert_eq!((told(0), told(8), told(800), told(5_000)), (None, Some(7), Some(700), Some(4_900)));
    assert_eq!(told(u64::MAX / 1_000_000), Some(599_900));
    assert_eq!(wire::deadline_ms(now, now + Duration::from_secs(1)), None);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_the_connection_goes_on() {
    let (here, there) = duplex(1 << 16);
    serve(there, wire::MAX_FRAME);
    let mut raw = raw(here);
    let request = write_request("INSERT", 10);
    let good = body(&write(&request));
    let trailing = [&good[..], b"x"].concat();
    for (id, bytes) in [(1, trailing), (2, vec![250]), (3, vec![]), (4, good[..good.len() - 1].to_vec())] {
        raw.send(call(id, 1000, &bytes)).await.unwrap();
        let (answered, reply) = answer(&mut raw).await;
        assert_eq!(answered, id);
        assert!(matches!(reply, Err(Refusal::Refused(_))), "{bytes:?}: {reply:?}");
    }
    raw.send(call(5, 1000, &good)).await.unwrap();
    assert!(matches!(answer(&mut raw).await, (5, Ok(_))));
}

#[tokio::test]
async fn a_frame_over_the_limit_ends_the_connection() {
    let (mut here, there) = duplex(1 << 16);
    let server = serve(there, 1000);
    here.write_all(&1001_u32.to_be_bytes()).await.unwrap();
    server.await.unwrap();
    assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_over_the_limit_is_not_sent_and_harms_no_other() {
    let (here, there) = duplex(1 << 16);
    serve(there, 1000);
    let client = client(here, 1000);
    for blob in [970, 2000] {
        let large = write_request("INSERT", blob);
        let failure = client.call(Message::new(&write(&large)), soon()).await.unwrap_err();
        let bound = crate::error::Bound::new("limits.max_frame", 1000);
        assert!(matches!(&failure, Failure::Refused(Refusal::TooLarge(is)) if *is == bound), "{failure:?}");
    }
    let small = write_request("INSERT", 10);
    assert!(client.call(Message::new(&write(&small)), soon()).await.is_ok());
}

#[tokio::test]
async fn a_committed_result_over_the_limit_is_answered_with_its_position() {
    let (here, there) = duplex(1 << 16);
    serve(there, 1000);
    let client = client(here, 1000);
    let request = write_request("INSERT", 600);
    let failure = client.call(Message::new(&write(&request)), soon()).await.unwrap_err();
    let Failure::Refused(Refusal::NotDecoded { position, .. }) = failure else { panic!("{failure:?}") };
    assert_eq!(position.txid, 9);
}

#[test]
fn a_procedures_own_error_that_cannot_be_sent_is_no_commit() {
    let own_error = Written { reply: Some(crate::request::Reply::Err(vec![8])), ..Written::default() };
    let refusal = Data::unsendable(&Reply::Written(own_error), "no room".into());
    assert!(matches!(&refusal, Refusal::Refused(why) if why.contains("no room")), "{refusal:?}");
}

#[tokio::test]
async fn a_frame_that_does_not_fit_leaves_no_trace_in_the_buffer() {
    let mut buffer = BytesMut::from(&b"before"[..]);
    let refused = wire::frame(&mut buffer, 10, |frame| frame.message(&vec![0_u8; 11]));
    assert!(matches!(refused, Err(WireError::TooLarge { limit: 10 })));
    assert_eq!(&buffer[..], b"before");
    wire::frame(&mut buffer, 10, |frame| frame.bytes(b"0123456789")).unwrap();
    assert_eq!(&buffer[..], b"before\0\0\0\x0a0123456789");
}

#[tokio::test]
async fn a_call_on_a_closed_connection_is_known_not_to_be_sent() {
    let (here, there) = duplex(1 << 16);
    let client = client(here, wire::MAX_FRAME);
    drop(there);
    tokio::time::timeout(Duration::from_secs(10), client.retired()).await.unwrap();
    let request = write_request("INSERT", 10);
    let failure = client.call(Message::new(&write(&request)), soon()).await.unwrap_err();
    assert!(matches!(failure, Failure::NotSent(_)), "{failure:?}");
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_loses_it() {
    let (here, there) = duplex(1 << 16);
    let client = client(here, wire::MAX_FRAME);
    let mut there = raw(there);
    let request = write_request("INSERT", 10);
    let call = client.call(Message::new(&write(&request)), soon());
    let (called, ()) = tokio::join!(call, async move {
        there.next().await.unwrap().unwrap();
        drop(there);
    });
    assert!(matches!(called, Err(Failure::Lost(_))), "{called:?}");
}

#[tokio::test]
async fn a_call_that_waits_behind_a_stuck_connection_is_known_not_to_be_sent() {
    let (here, _there) = duplex(16); // nobody reads
    let client = client(here, wire::MAX_FRAME);
    let request = write_request("INSERT", 1 << 20);
    let message = Message::new(&write(&request));
    let deadline = Instant::now() + Duration::from_millis(50);
    let (first, second) =
        tokio::join!(client.call(message.clone(), deadline), client.call(message, deadline));
    assert!(matches!(first, Err(Failure::Lost(_))), "{first:?}");
    assert!(matches!(second, Err(Failure::NotSent(_))), "{second:?}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_lost_one() {
    let (here, there) = duplex(1 << 16);
    let client = client(here, wire::MAX_FRAME);
    let mut there = raw(there);
    let request = write_request("INSERT", 10);
    let call = client.call(Message::new(&write(&request)), soon());
    let (called, ()) = tokio::join!(call, async {
        there.next().await.unwrap().unwrap();
        let head = postcard::to_allocvec(&Down::Answer { id: 0 }).unwrap();
        there.send(Bytes::from([&head[..], &[0, 77]].concat())).await.unwrap();
    });
    assert!(matches!(&called, Err(Failure::Lost(why)) if why.contains("cannot be read")), "{called:?}");
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_on_the_wire() {
    let (here, there) = duplex(1 << 16);
    let client = client(here, wire::MAX_FRAME);
    let mut there = raw(there);
    let request = write_request("INSERT", 10);
    let mut call = Box::pin(client.call(Message::new(&write(&request)), soon()));
    let frame = tokio::select! {
        _ = &mut call => panic!("nobody answered"),
        frame = there.next() => frame.unwrap().unwrap(),
    };
    let (Up::Call { id, .. }, _) = wire::split::<Up>(&frame).unwrap() else { panic!("no call") };
    drop(call);
    let frame = there.next().await.unwrap().unwrap();
    assert_eq!(wire::split::<Up>(&frame).unwrap().0, Up::Cancel { id });
}

/// Counts the writes, each of which would be a system call.
struct Counting(DuplexStream, Arc<AtomicUsize>);

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

#[tokio::test]
async fn many_small_messages_leave_in_few_writes() {
    let (here, there) = duplex(1 << 20);
    let (sent, answered) = (Arc::default(), Arc::default());
    serve(Counting(there, Arc::clone(&answered)), wire::MAX_FRAME);
    let client = client(Counting(here, Arc::clone(&sent)), wire::MAX_FRAME);
    let request = write_request("INSERT", 10);
    let message = Message::new(&write(&request));
    let calls = (0..500).map(|_| client.call(message.clone(), soon()));
    assert!(futures::future::join_all(calls).await.iter().all(Result::is_ok));
    let (sent, answered) = (sent.load(Ordering::Relaxed), answered.load(Ordering::Relaxed));
    assert!(sent <= 50 && answered <= 50, "500 calls left in {sent} writes, their answers in {answered}");
}
