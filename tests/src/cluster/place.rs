//! Where a server runs and under which address the others, and the test, reach it.

use std::ffi::OsStr;
use std::io;
use std::process::Command;

use crate::port::Port;
use crate::process;

pub(super) struct Place {
    /// An IP address.
    host: String,
    port: u16,
    /// Keeps the port while the server is down.
    _claim: Port,
}

impl Place {
    /// A free port on loopback.
    pub(super) fn on_loopback() -> io::Result<Self> {
        let port = Port::claim()?;
        Ok(Self { host: "127.0.0.1".into(), port: port.number(), _claim: port })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A command that runs there, and ends with the test process.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        process::bound_command(program)
    }
}
