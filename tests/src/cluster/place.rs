//! Where a server runs and under which address the others, and the test, reach it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Command;

use crate::netns::Namespace;
use crate::port::Port;
use crate::process;

pub(super) enum Place {
    /// This machine's loopback; the port is kept while the server is down.
    Loopback(Port),
    /// A namespace, which has all ports for itself.
    Namespace(Namespace, u16),
}

impl Place {
    /// A free port on loopback.
    pub(super) fn on_loopback() -> io::Result<Self> {
        Port::claim().map(Self::Loopback)
    }

    /// An IP address.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Loopback(_) => "127.0.0.1",
            Self::Namespace(namespace, _) => namespace.address(),
        }
    }

    /// An IP address of loopback's range, which the other servers' places reach.
    pub(super) fn loopback(&self) -> &str {
        match self {
            Self::Loopback(_) => "127.0.0.1",
            Self::Namespace(namespace, _) => namespace.loopback(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Loopback(port) => port.number(),
            Self::Namespace(_, port) => *port,
        }
    }

    /// `host:port`.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host(), self.port())
    }

    pub(super) fn namespace(&self) -> Option<&Namespace> {
        match self {
            Self::Loopback(_) => None,
            Self::Namespace(namespace, _) => Some(namespace),
        }
    }

    /// The words that, put before a command, run it there.
    pub(super) fn prefix(&self) -> Vec<OsString> {
        self.namespace().map(Namespace::prefix).unwrap_or_default()
    }

    /// A command that runs there, and ends with the test process.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        process::bound_command_behind(&self.prefix(), program)
    }
}
