//! What the system is told about a connection.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// How often a peer that says nothing is asked before it counts as gone.
const PROBES: u32 = 3;

/// Sends what is written at once, and ends the connection when the other end is gone: after `keepalive` of silence it is
/// asked, and after as long again it is gone. On Linux the same holds for what was sent and not taken.
pub(super) fn prepare(stream: &TcpStream, keepalive: Duration) -> io::Result<()> {
    // An answer is small and waits for nothing.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let probes =
        TcpKeepalive::new().with_time(keepalive).with_interval(keepalive / PROBES).with_retries(PROBES);
    socket.set_tcp_keepalive(&probes)?;
    // TCP asks nobody while it waits for what it has sent, and that for a quarter of an hour.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(2 * keepalive))?;
    Ok(())
}

/// Closes it at once. The system, too, keeps nothing of it, as it would for a minute of one that is closed in order.
pub(super) fn reset(stream: TcpStream) {
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connect = TcpStream::connect(listener.local_addr().unwrap());
        let (calling, called) = tokio::join!(connect, listener.accept());
        (calling.unwrap(), called.unwrap().0)
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn a_peer_that_is_gone_is_noticed_after_twice_the_silence() {
        let (_calling, called) = pair().await;
        prepare(&called, Duration::from_secs(15)).unwrap();
        let socket = SockRef::from(&called);
        assert!(socket.keepalive().unwrap() && called.nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(15));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(30)));
    }

    #[tokio::test]
    async fn one_that_is_reset_is_gone_at_once() {
        let (mut calling, called) = pair().await;
        reset(called);
        let error = calling.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
