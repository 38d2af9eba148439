//! A process that has no more file descriptors.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::*;

/// Says to this very test, run in a process of its own, that it is the server.
const SERVER: &str = "LITEFS_DIESEL_TEST_SERVER";

/// How many descriptors the server has.
const DESCRIPTORS: usize = 48;

/// A server in a process of its own, which ends with this.
struct Server(Child);

impl Server {
    /// How many descriptors it has open, besides those that it was born with beyond its bound.
    fn open(&self) -> usize {
        let numbers = std::fs::read_dir(format!("/proc/{}/fd", self.0.id())).unwrap();
        let numbers =
            numbers.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse::<usize>().unwrap());
        numbers.filter(|number| *number < DESCRIPTORS).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect_to(address: SocketAddr) -> Result<Client<Data>, HelloError> {
    let mut stream = TcpStream::connect(address).await?;
    hello::greet(&mut stream, &identity("eu"), Purpose::Data, in_ms(20_000)).await?;
    let (client, driver) = Client::new(stream, MAX_FRAME);
    tokio::spawn(driver);
    Ok(client)
}

#[tokio::test]
#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "the server tells where it is")]
async fn a_node_without_file_descriptors_serves_again_once_there_are_some() {
    const NAME: &str =
        "server::tests::descriptors::a_node_without_file_descriptors_serves_again_once_there_are_some";
    if std::env::var_os(SERVER).is_some() {
        let limits = LimitSettings {
            handshakes: 1_000,
            handshake_rate: 1_000,
            handshake_rate_per_address: 1_000,
            connections_per_address: 1_000,
            handshake_timeout: Duration::from_secs(600),
            ..LimitSettings::default()
        };
        let node = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
        println!("\naddress {}", node.addr);
        std::io::stdout().flush().unwrap();
        return std::future::pending().await;
    }
    let limited = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
    let child = Command::new("sh")
        .args(["-c", &limited])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(SERVER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Server(child);
    let stdout = BufReader::new(server.0.stdout.take().unwrap());
    let address = stdout.lines().find_map(|line| line.unwrap().strip_prefix("address ")?.parse().ok());
    let address: SocketAddr = address.expect("the server says where it is");

    let before = connect_to(address).await.unwrap();
    let mut strangers = Vec::new();
    for _ in 0..2 * DESCRIPTORS {
        strangers.push(TcpStream::connect(address).await.unwrap());
    }
    let used_up = async {
        while server.open() < DESCRIPTORS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, used_up).await.expect("all descriptors are in use");
    // It has not fallen over, nor stopped.
    assert!(ask(&before, write("INSERT")).await.is_ok());
    let waiting = tokio::spawn(connect_to(address));
    assert_eq!(server.open(), DESCRIPTORS);
    drop(strangers);
    let after = tokio::time::timeout(PATIENCE, waiting).await.expect("it accepts again").unwrap().unwrap();
    for client in [&before, &after] {
        assert!(ask(client, write("INSERT")).await.is_ok());
    }
}
