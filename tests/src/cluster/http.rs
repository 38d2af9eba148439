//! The little HTTP that asking LiteFS and Consul needs: one request, one connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A paused server accepts connections and never answers; a partitioned one does not even accept.
const TIMEOUT: Duration = Duration::from_secs(2);

/// LiteFS gives up a hand-off after 5 s at each of two places.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(12);

/// An answer with status 200.
pub(super) struct Answer {
    head: String,
    pub(super) body: String,
}

impl Answer {
    /// The value of a header, whose name is compared without regard to case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// `GET path`; an error for any status but 200.
pub(super) fn get(address: &str, path: &str) -> io::Result<Answer> {
    request(address, "GET", path, TIMEOUT)
}

/// `POST path` without a body; an error for any status but 200.
pub(super) fn post(address: &str, path: &str) -> io::Result<Answer> {
    request(address, "POST", path, COMMAND_TIMEOUT)
}

fn request(address: &str, method: &str, path: &str, timeout: Duration) -> io::Result<Answer> {
    let to: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&to, TIMEOUT)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // HTTP/1.0: the server closes behind the body, and does not send it in chunks.
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    if head.split_whitespace().nth(1) == Some("200") {
        Ok(Answer { head: head.to_owned(), body: body.to_owned() })
    } else {
        let status = head.lines().next().unwrap_or_default();
        Err(io::Error::other(format!("{method} {path}: {status}: {}", body.trim())))
    }
}
