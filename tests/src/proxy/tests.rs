//! The proxy, against a server that answers each byte with the same.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{Link, Proxy};

/// Echoes each connection until its end; a thread each, which ends with it.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut &stream, &mut &stream);
            });
        }
    });
    address
}

fn proxy() -> Proxy {
    Proxy::start("127.0.0.1:0", echo()).unwrap()
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Sends bytes, reads them back, and says how long that took.
fn round_trip(mut stream: &TcpStream, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| (&mut &*stream).write_all(bytes).unwrap());
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).unwrap();
        assert!(back == bytes, "not the bytes that were sent");
    });
    began.elapsed()
}

#[test]
fn bytes_pass_unchanged_and_so_does_the_end() {
    let proxy = proxy();
    let mut stream = connect(&proxy);
    let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    round_trip(&stream, &bytes);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_delay_holds_in_each_direction_from_when_it_is_set() {
    let proxy = proxy();
    let stream = connect(&proxy);
    round_trip(&stream, b"before");
    proxy.set_delay(Duration::from_millis(150));
    assert!(round_trip(&stream, b"slow") >= Duration::from_millis(300));
    // Bytes that are sent together travel together.
    let many = round_trip(&stream, &[7; 200_000]);
    assert!(many >= Duration::from_millis(300) && many < Duration::from_secs(3), "{many:?}");
    proxy.set_delay(Duration::ZERO);
    assert!(round_trip(&stream, b"fast") < Duration::from_millis(300));
}

#[test]
fn a_bandwidth_and_a_loss_take_their_time() {
    let proxy = proxy();
    let stream = connect(&proxy);
    proxy.set_bandwidth(Some(200_000));
    assert!(round_trip(&stream, &[1; 100_000]) >= Duration::from_millis(450));
    proxy.set_bandwidth(None);
    proxy.set_loss(Some(1));
    assert!(round_trip(&stream, b"lost in both directions") >= Duration::from_millis(400));
    proxy.set(Link::default());
    assert!(round_trip(&stream, b"well again") < Duration::from_millis(400));
}

#[test]
fn a_frozen_link_accepts_and_says_nothing_until_it_opens() {
    let proxy = proxy();
    let mut old = connect(&proxy);
    round_trip(&old, b"before");
    proxy.freeze();
    let mut new = connect(&proxy);
    for stream in [&mut old, &mut new] {
        stream.write_all(b"held").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let silent = stream.read(&mut [0]).unwrap_err();
        assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silent}");
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    }
    proxy.open();
    for stream in [&mut old, &mut new] {
        let mut held = [0; 4];
        stream.read_exact(&mut held).unwrap();
        assert_eq!(&held, b"held");
    }
}

#[test]
fn a_cut_resets_old_and_new_connections_until_it_opens() {
    let proxy = proxy();
    let mut old = connect(&proxy);
    round_trip(&old, b"before");
    proxy.cut();
    let mut buffer = [0];
    assert_eq!(old.read(&mut buffer).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut new = connect(&proxy);
    assert_eq!(new.read(&mut buffer).unwrap_err().kind(), ErrorKind::ConnectionReset);
    proxy.open();
    round_trip(&connect(&proxy), b"after");
}

#[test]
fn a_target_that_is_down_resets_and_one_that_comes_back_is_found() {
    let target = crate::port::Port::claim().unwrap();
    let proxy = Proxy::start("127.0.0.1:0", target.address()).unwrap();
    assert_eq!(connect(&proxy).read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let server = TcpListener::bind(target.address()).unwrap();
    let mut client = connect(&proxy);
    client.write_all(b"x").unwrap();
    let mut byte = [0];
    server.accept().unwrap().0.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
}

#[test]
fn dropping_it_ends_what_it_carries_and_frees_its_address() {
    let proxy = proxy();
    let address = proxy.address();
    let mut stream = connect(&proxy);
    round_trip(&stream, b"before");
    proxy.set_delay(Duration::from_secs(3600));
    stream.write_all(b"never").unwrap();
    drop(proxy);
    assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).is_err());
}
