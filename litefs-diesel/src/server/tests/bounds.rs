//! Each bound of connections reached, and the rest of the service alive. Strangers come from other loopback addresses
//! than the peer, and all of it is over TLS with a shared secret.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::identity::greet_on;
use super::*;
use crate::rpc::identity::testing::{by_secret, secret};

/// A served node, and what its peers know it by.
struct Served {
    node: TestNode,
    by: Transport,
}

/// The peer's address; those of strangers are others.
const PEER: &str = "127.0.0.1";

/// Longer than any test runs: what ends did not end by this.
const NEVER: Duration = Duration::from_secs(600);

impl Served {
    async fn with(limits: LimitSettings) -> Self {
        let by = by_secret(&secret(), "shop");
        Self { node: TestNode::secured(by.clone(), limits, identity("eu")).await, by }
    }

    async fn connect(&self, from: &str) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from.parse::<IpAddr>().unwrap(), 0).into())?;
        socket.connect(self.node.addr).await
    }

    /// One that connects from there and says nothing.
    async fn stranger(&self, from: &str) -> Stranger {
        Stranger(self.connect(from).await)
    }

    /// A peer, or why it was not let in.
    async fn peer(&self, from: &str) -> Result<Client<Data>, Box<dyn std::error::Error>> {
        let stream = self.connect(from).await?;
        let stream = greet_on(stream, &self.by, &identity("eu"), Purpose::Data).await?;
        let (client, driver) = Client::new(stream, MAX_FRAME);
        tokio::spawn(driver);
        Ok(client)
    }

    /// The same once there is a place.
    async fn peer_in_time(&self, from: &str) -> Client<Data> {
        let tried = async {
            loop {
                match self.peer(from).await {
                    Ok(client) => return client,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, tried).await.expect("a place")
    }

    /// A write of a peer that connects now passes.
    async fn serves_a_peer(&self) {
        let client = self.peer(PEER).await.unwrap();
        assert!(matches!(ask(&client, write("INSERT")).await, Ok(Reply::Written(_))));
    }
}

/// One that has only connected. It may be closed before that is known here.
struct Stranger(io::Result<TcpStream>);

impl Stranger {
    /// It is closed by the node, in whatever way.
    async fn is_closed(&mut self) {
        let Ok(stream) = &mut self.0 else { return };
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 64])).await.expect("an end");
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }

    /// It is still there.
    fn is_open(&self) -> bool {
        let Ok(stream) = &self.0 else { return false };
        matches!(stream.try_read(&mut [0; 64]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

#[tokio::test]
async fn a_peer_over_the_connections_is_told_so_and_gets_in_when_another_has_gone() {
    let served = Served::with(LimitSettings { connections: 2, ..LimitSettings::default() }).await;
    let (first, second) = (served.peer(PEER).await.unwrap(), served.peer("127.0.0.2").await.unwrap());
    let full = served.peer("127.0.0.3").await.err().unwrap();
    assert!(full.to_string().contains("`limits.connections`"), "{full}");
    let full = full.downcast::<HelloError>().unwrap();
    assert!(matches!(*full, HelloError::Full { .. }) && !full.is_refusal(), "{full}");
    for client in [&first, &second] {
        assert!(ask(client, write("INSERT")).await.is_ok());
    }
    drop(second);
    let third = served.peer_in_time("127.0.0.3").await;
    assert!(ask(&third, write("INSERT")).await.is_ok());
}

#[tokio::test]
async fn strangers_take_no_place_of_a_peer() {
    let limits =
        LimitSettings { connections: 1, handshakes: 8, handshake_timeout: NEVER, ..LimitSettings::default() };
    let served = Served::with(limits).await;
    let mut strangers = Vec::new();
    for _ in 0..5 {
        strangers.push(served.stranger("127.0.0.2").await);
    }
    served.serves_a_peer().await;
    assert!(strangers.iter().all(Stranger::is_open));
}

#[tokio::test]
async fn one_address_has_only_so_many_connections() {
    let limits =
        LimitSettings { connections_per_address: 2, handshake_timeout: NEVER, ..LimitSettings::default() };
    let served = Served::with(limits).await;
    let held = [served.stranger("127.0.0.2").await, served.stranger("127.0.0.2").await];
    served.stranger("127.0.0.2").await.is_closed().await;
    served.serves_a_peer().await;
    assert!(held.iter().all(Stranger::is_open));
    // A peer's count, too, and its address is free again when they are gone.
    drop(held);
    let peers = [served.peer_in_time("127.0.0.2").await, served.peer_in_time("127.0.0.2").await];
    served.stranger("127.0.0.2").await.is_closed().await;
    assert!(ask(&peers[0], write("INSERT")).await.is_ok());
}

#[tokio::test]
async fn a_peer_whose_address_is_known_gets_in_while_strangers_hold_all_handshakes() {
    let limits = LimitSettings { handshakes: 4, handshake_timeout: NEVER, ..LimitSettings::default() };
    let served = Served::with(limits).await;
    let before = served.peer(PEER).await.unwrap();
    let mut held = Vec::new();
    for from in ["127.0.0.2", "127.0.0.3", "127.0.0.4"] {
        held.push(served.stranger(from).await);
    }
    served.stranger("127.0.0.5").await.is_closed().await;
    assert!(served.peer("127.0.0.5").await.is_err(), "nobody knows it yet");
    served.serves_a_peer().await;
    assert!(ask(&before, write("INSERT")).await.is_ok());
    assert!(held.iter().all(Stranger::is_open));
    // Once they are gone, so is the bound.
    drop(held);
    served.peer_in_time("127.0.0.5").await;
}

/// Connects as often as it can, and waits until those are closed that are more than the rate allows.
async fn flood(served: &Served, from: impl Fn(u8) -> String, a_second: u32) {
    const MANY: u8 = 60;
    let (start, mut strangers) = (Instant::now(), Vec::new());
    for i in 0..MANY {
        strangers.push(served.stranger(&from(i)).await);
    }
    // As many at once as in a second, and what has come back meanwhile.
    let seconds = u32::try_from(start.elapsed().as_secs() + 2).unwrap();
    let over = usize::from(MANY).saturating_sub((a_second * seconds) as usize);
    let refused = async {
        while strangers.iter().filter(|stranger| !stranger.is_open()).count() < over {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("the rate holds");
    assert!(strangers.iter().any(Stranger::is_open), "some are within the rate");
}

#[tokio::test]
async fn one_address_connects_only_so_often_and_uses_nothing_up_for_others() {
    let limits = LimitSettings {
        handshake_rate: 10,
        handshake_rate_per_address: 3,
        handshake_timeout: NEVER,
        ..LimitSettings::default()
    };
    let served = Served::with(limits).await;
    flood(&served, |_| "127.0.0.2".to_owned(), 3).await;
    served.serves_a_peer().await;
}

#[tokio::test]
async fn strangers_of_many_addresses_connect_only_so_often_and_leave_some_for_known_addresses() {
    let limits = LimitSettings { handshake_rate: 8, handshake_timeout: NEVER, ..LimitSettings::default() };
    let served = Served::with(limits).await;
    served.peer(PEER).await.unwrap();
    flood(&served, |i| format!("127.0.0.{}", i + 2), 8).await;
    served.serves_a_peer().await;
}

#[tokio::test]
async fn whoever_says_nothing_or_half_of_it_is_hung_up_on_in_time() {
    let limits = LimitSettings { handshake_timeout: Duration::from_millis(100), ..LimitSettings::default() };
    let served = Served::with(limits).await;
    let mut silent = served.stranger("127.0.0.2").await;
    let mut half = served.stranger("127.0.0.2").await;
    half.0.as_mut().unwrap().write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    silent.is_closed().await;
    half.is_closed().await;
    served.serves_a_peer().await;
}

/// The only handshake that there may be is given to the next one.
#[tokio::test]
async fn a_handshake_that_is_never_finished_gives_its_place_to_another() {
    let limits = LimitSettings {
        handshakes: 1,
        handshake_timeout: Duration::from_millis(100),
        ..LimitSettings::default()
    };
    let served = Served::with(limits).await;
    let mut silent = served.stranger("127.0.0.2").await;
    let client = served.peer_in_time(PEER).await;
    assert!(ask(&client, write("INSERT")).await.is_ok());
    silent.is_closed().await;
}

/// The system asks a peer that is silent: its own list of connections says when.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn each_connection_is_kept_alive() {
    let limits = LimitSettings { keepalive: Duration::from_secs(3), ..LimitSettings::default() };
    let served = Served::with(limits).await;
    let stream = served.connect(PEER).await.unwrap();
    let (here, there) = (stream.local_addr().unwrap().port(), served.node.addr.port());
    let stream = greet_on(stream, &served.by, &identity("eu"), Purpose::Data).await.unwrap();
    let asks = || {
        let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let of_ours =
            connections.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|fields| {
                fields[1].ends_with(&format!(":{there:04X}")) && fields[2].ends_with(&format!(":{here:04X}"))
            });
        // Which timer runs (2: keepalive), and for how many hundredths of a second.
        let timer = of_ours.expect("the connection")[5].to_owned();
        let (kind, left) = timer.split_once(':').unwrap();
        kind == "02" && u32::from_str_radix(left, 16).unwrap() <= 300
    };
    let asked = async {
        while !asks() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the timer runs");
    drop(stream);
}
