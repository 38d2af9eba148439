//! What a peer may send that is no message, or too much of one.

use super::*;
use crate::bounded::{MAX_VALUES, Unreadable};
use crate::request::ProcedureCall;

/// Sends that as the first bytes of a connection whose hello is over, and returns when the server has ended it.
async fn ended_by(bytes: &[u8]) {
    let (mut here, there) = duplex(1 << 16);
    let server = serve(there, wire::MAX_FRAME);
    here.write_all(bytes).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), server).await;
    ended.unwrap_or_else(|_| panic!("{bytes:?} did not end the connection")).unwrap();
    assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0, "{bytes:?}");
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

#[tokio::test]
async fn a_frame_that_claims_4_gib_ends_the_connection_before_anything_is_read() {
    ended_by(&u32::MAX.to_be_bytes()).await;
    ended_by(&(wire::MAX_FRAME as u32 + 1).to_be_bytes()).await;
}

#[test]
fn a_frame_that_is_announced_takes_no_more_memory_than_what_has_come() {
    let mut buffer = BytesMut::from(&(wire::MAX_FRAME as u32).to_be_bytes()[..]);
    for come in [0, 1000, 100_000, 1_000_000] {
        buffer.resize(wire::LENGTH + come, 0);
        assert!(matches!(wire::next(&mut buffer, wire::MAX_FRAME), Ok(None)));
        let most = 4 * buffer.len() + (256 << 10);
        assert!(buffer.capacity() <= most, "{} bytes for {come}", buffer.capacity());
    }
}

#[tokio::test]
async fn bytes_that_are_no_frame_of_ours_end_the_connection() {
    let id = |head: &Up| body(head);
    let unknown_head = [9_u8, 1, 1];
    let cancel_and_more = [&id(&Up::Cancel { id: 1 })[..], b"x"].concat();
    for body in [&[][..], &unknown_head[..], &[0, 1][..], &[255; 40][..], &cancel_and_more] {
        ended_by(&framed(body)).await;
    }
}

#[tokio::test]
async fn random_bytes_never_do_more_than_end_the_connection() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..200 {
        let noise: Vec<u8> = (0..random() % 200).map(|_| random() as u8).collect();
        let (mut here, there) = duplex(1 << 16);
        let server = serve(there, wire::MAX_FRAME);
        here.write_all(&framed(&noise)).await.unwrap();
        here.write_all(&noise).await.unwrap();
        drop(here);
        let ended = tokio::time::timeout(Duration::from_secs(10), server).await;
        assert!(matches!(ended, Ok(Ok(()))), "{noise:?}: {ended:?}");
    }
}

#[tokio::test]
async fn half_a_frame_is_waited_for_and_a_connection_that_ends_in_it_asks_nothing() {
    let (mut here, there) = duplex(1 << 16);
    let server = serve(there, wire::MAX_FRAME);
    let request = write_request("INSERT", 10);
    let whole = framed(&call(1, 1000, &body(&write(&request))));
    here.write_all(&whole[..whole.len() / 2]).await.unwrap();
    drop(here);
    tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_valid_frame_of_an_unknown_message_is_refused_and_the_connection_goes_on() {
    let (here, there) = duplex(1 << 16);
    serve(there, wire::MAX_FRAME);
    let mut raw = raw(here);
    raw.send(call(1, 1000, &[6, 1, 2, 3])).await.unwrap();
    let (1, Err(Refusal::Refused(why))) = answer(&mut raw).await else { panic!("it was answered otherwise") };
    assert!(why.contains("of a kind that this version does not know"), "{why}");
    let request = write_request("INSERT", 10);
    raw.send(call(2, 1000, &body(&write(&request)))).await.unwrap();
    assert!(matches!(answer(&mut raw).await, (2, Ok(_))));
}

/// A write of so many empty statements: five bytes each on the wire.
fn many_statements(count: usize) -> WriteRequest {
    let empty = Statement { sql: String::new(), binds: Values::new(), cacheable: false, want: Want::Count };
    let mut request = write_request("", 0);
    request.ask = Ask::Run(Write::of(vec![empty; count]));
    request
}

#[tokio::test]
async fn a_frame_of_more_than_a_million_values_is_refused_by_name_and_the_connection_goes_on() {
    let (here, there) = duplex(1 << 16);
    serve(there, wire::MAX_FRAME);
    let mut raw = raw(here);
    let large = many_statements(1_000_000);
    raw.send(call(1, 60_000, &body(&write(&large)))).await.unwrap();
    let (1, Err(Refusal::Refused(why))) = answer(&mut raw).await else { panic!("it was answered otherwise") };
    assert!(why.contains(&MAX_VALUES.to_string()), "{why}");
    let request = write_request("INSERT", 10);
    raw.send(call(2, 1000, &body(&write(&request)))).await.unwrap();
    assert!(matches!(answer(&mut raw).await, (2, Ok(_))));
}

#[tokio::test]
async fn a_request_or_an_answer_of_too_many_values_is_not_sent() {
    let (here, there) = duplex(1 << 16);
    answer_all::<Data>(there, wire::MAX_FRAME, |_, _| {
        let mut many = written(1, &[]);
        many.outcomes = vec![many.outcomes[0].clone(); MAX_VALUES / 4];
        Ok(Reply::Written(many))
    });
    let client = client(here, wire::MAX_FRAME);
    let large = many_statements(MAX_VALUES / 4);
    let failure = client.call(Message::new(&write(&large)), soon()).await.unwrap_err();
    assert!(matches!(&failure, Failure::Unsendable(why) if why.contains("values")), "{failure:?}");
    let request = write_request("INSERT", 10);
    let failure = client.call(Message::new(&write(&request)), soon()).await.unwrap_err();
    let Failure::Refused(Refusal::NotDecoded { why, .. }) = failure else { panic!("{failure:?}") };
    assert!(why.contains("values"), "{why}");
}

#[test]
fn a_million_empty_values_stay_as_small_as_they_came() {
    let values: Values = (0..1_000_000).map(|_| ValueRef::Blob(&[])).collect();
    let bytes = body(&values);
    let back: Values = wire::read(&bytes).unwrap();
    assert_eq!((back.len(), back.byte_len()), (1_000_000, 2_000_000));
    assert!(bytes.len() < back.byte_len() + 16);
}

/// What a list's elements take in memory, for each byte that the shortest of them has in a message.
#[test]
fn no_element_takes_more_than_forty_times_its_bytes() {
    fn times<T>(bytes: usize) -> usize {
        size_of::<T>().div_ceil(bytes)
    }
    let all = [
        times::<String>(1),
        times::<crate::statement::Outcome>(2),
        times::<Statement>(5),
        times::<crate::migrate::Step>(6),
        times::<crate::migrate::Done>(4),
        times::<(String, crate::rpc::control::Place)>(4),
        times::<(String, crate::rpc::control::Heard)>(3),
    ];
    assert!(all.iter().all(|times| *times <= 40), "{all:?}: what `MAX_VALUES` says of memory is not so");
}

/// What may be sent, is read: the one who writes counts no less than the one who reads.
#[test]
fn what_may_be_written_can_be_read() {
    for count in [1, 1000, 65_536, 100_000] {
        let request = many_statements(count);
        let whole = write(&request);
        let Ok(bytes) = wire::body(&whole) else { panic!("{count} statements cannot be written") };
        assert_eq!(wire::read::<Request<'static>>(&bytes).as_ref(), Ok(&whole));
    }
    // What is one run of bytes counts for nothing, however long.
    let mut request = many_statements(0);
    let call = ProcedureCall { name: "import".into(), version: 1, args: vec![0; 2 * MAX_VALUES] };
    request.ask = Ask::Run(Write { work: Work::Call(call), ..Write::of(vec![]) });
    let bytes = wire::body(&write(&request)).unwrap();
    assert_eq!(wire::read::<Request<'static>>(&bytes), Ok(write(&request)));
    let mut reply = written(1, &vec![0; 2 * MAX_VALUES]);
    reply.reply = Some(crate::request::Reply::Ok(vec![0; 2 * MAX_VALUES]));
    let reply = Reply::Written(reply);
    assert_eq!(wire::read::<Reply>(&wire::body(&reply).unwrap()).as_ref(), Ok(&reply));
    let numbers = vec![u128::MAX; 60_000];
    let refused = wire::body(&numbers).map(|_| ());
    assert!(matches!(refused, Err(WireError::TooMany)));
    assert_eq!(wire::read::<Vec<u128>>(&body(&numbers)), Err(Unreadable::TooMany));
}

#[tokio::test]
async fn a_deadline_of_a_century_is_cut_and_the_connection_goes_on() {
    let (here, there) = duplex(1 << 16);
    serve(there, wire::MAX_FRAME);
    let mut raw = raw(here);
    let request = write_request("INSERT", 10);
    // More than four bytes can say: a century is not even a message.
    let century = [&[0, 1][..], &postcard::to_allocvec(&3_153_600_000_000_u64).unwrap(), &[0; 25]].concat();
    assert!(wire::split::<Up>(&century).is_err());
    for id in 1..=3 {
        raw.send(call(id, u32::MAX, &body(&write(&request)))).await.unwrap();
        let (answered, reply) = answer(&mut raw).await;
        let Ok(Reply::Committed(written)) = reply else { panic!("{reply:?}") };
        assert_eq!(answered, id);
        assert!(written.session.changes <= wire::MAX_CALL.as_millis() as i64);
    }
}
