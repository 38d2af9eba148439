//! Ports that stay ours while a server is down.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// A free TCP port on 127.0.0.1, kept for its holder until dropped.
///
/// A port from `bind(0)` is in the range that the kernel gives to outgoing connections, so
/// another test may get it while a server restarts. This one is below that range, and an
/// abstract socket that bears its number keeps other test processes from choosing it; the kernel
/// takes that back even from a killed process.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _claim: UnixListener,
}

impl Port {
    /// Finds a port that nobody listens on and that no other test has claimed.
    ///
    /// # Errors
    /// When a hundred tries found none.
    pub fn claim() -> io::Result<Self> {
        let range = 12_000..first_outgoing_port().max(12_001);
        let mut last = None;
        for attempt in 0..100u32 {
            let number = range.start + (random(attempt) % u64::from(range.end - range.start)) as u16;
            match Self::claim_number(number) {
                Ok(port) => return Ok(port),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    /// The number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:<number>`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }

    fn claim_number(number: u16) -> io::Result<Self> {
        let claim = claim_name(&format!("litefs-diesel-tests-port-{number}"))?;
        TcpListener::bind(("127.0.0.1", number))?;
        Ok(Self { number, _claim: claim })
    }
}

/// A name that no other process on this machine can claim until this is dropped, or its process
/// ends in whatever way.
pub(crate) fn claim_name(name: &str) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// RandomState is std's only source of randomness; each has keys of its own.
pub(crate) fn random(attempt: u32) -> u64 {
    RandomState::new().hash_one(attempt)
}

/// Where the kernel's range for outgoing connections begins.
fn first_outgoing_port() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_port_is_not_given_twice_and_comes_back_when_dropped() {
        let port = Port::claim().unwrap();
        let number = port.number();
        assert!(Port::claim_number(number).is_err());
        drop(port);
        assert_eq!(Port::claim_number(number).unwrap().number(), number);
    }
}
