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
