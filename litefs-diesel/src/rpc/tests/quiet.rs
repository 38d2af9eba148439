//! That a peer cannot fill the caller's log: what tarpc would say of each call is said by nobody.

use tracing_subscriber::filter::LevelFilter;

use super::*;
use crate::logged::Logged;

const CALLS: usize = 1000;

fn client_of(io: DuplexStream) -> Arc<Client<Data>> {
    Arc::new(client(io, wire::MAX_FRAME))
}

/// That many calls at once, and how they ended.
async fn calls(client: &Arc<Client<Data>>, deadline: Instant) -> Vec<Result<Reply, Failure>> {
    let request = write_request("INSERT", 0);
    let message = Message::new(&write(&request));
    let calls = (0..CALLS).map(|_| client.call(message.clone(), deadline));
    futures::future::join_all(calls).await
}

#[tokio::test]
async fn a_thousand_calls_whose_connection_breaks_log_nothing_and_say_why() {
    let (logged, _logging) = Logged::up_to(LevelFilter::INFO);
    let (here, there) = duplex(1 << 20);
    let client = client_of(here);
    let mut there = raw(there);
    let (ended, ()) = tokio::join!(calls(&client, soon()), async {
        for _ in 0..CALLS {
            there.next().await.unwrap().unwrap();
        }
        there.send(Bytes::from_static(&[77; 8])).await.unwrap();
    });
    let says_why = |ended: &Result<Reply, Failure>| matches!(ended, Err(Failure::Lost(why)) if why.contains("the peer sent a frame that cannot be read"));
    assert!(ended.iter().all(says_why), "{:?}", ended.first());
    assert_eq!(logged.text(), "");
    // The one after them is known not to have left.
    let after = client.call(Message::new(&write(&write_request("INSERT", 0))), soon()).await;
    assert!(matches!(&after, Err(Failure::NotSent(why)) if why.contains("cannot be read")), "{after:?}");
}

/// A peer that does not read: tarpc cannot even say that they are cancelled.
#[tokio::test]
async fn a_thousand_calls_whose_deadline_passes_log_nothing() {
    let (logged, _logging) = Logged::up_to(LevelFilter::INFO);
    let (here, mut there) = duplex(64);
    let client = client_of(here);
    let ended = calls(&client, Instant::now() + Duration::from_millis(200)).await;
    assert!(ended.iter().all(|ended| matches!(ended, Err(Failure::Lost(_) | Failure::NotSent(_)))));
    // What must not come cannot be waited for. tarpc would say it a second after the deadline, if it knew that.
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(logged.text(), "");
    there.read_exact(&mut [0; 64]).await.unwrap();
}
