//! Cutting a host off from another.

use std::io;

use super::Namespace;
use super::tool::run;

/// How packets are kept from arriving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// They vanish, in both directions: silence, and nobody learns anything.
    Drop,
    /// They are answered by a reset: a new connection, from either side, is refused at once, and
    /// one that was open is reset at both ends as soon as something is sent on it. The first packet
    /// of the cut host on it may still arrive (its acknowledgement is what is refused).
    Reject,
}

impl Namespace {
    /// Cuts this host off from another: from all of it, or only connections to a TCP port, of
    /// either of the two. Cuts add up until [`Namespace::heal`].
    ///
    /// # Errors
    /// With the words of `iptables`.
    pub fn cut(&self, other: &Self, port: Option<u16>, how: How) -> io::Result<()> {
        let mut command = self.tool("iptables-restore");
        command.args(["--wait", "--noflush"]);
        let addresses = [other.address(), other.loopback()];
        let rules: String = addresses.map(|address| rules(address, port, how)).concat();
        run(command, &format!("*filter\n{rules}COMMIT\n")).map(drop)
    }

    /// Ends all cuts of this host. Connections that lived through a silence go on when TCP next
    /// tries, which may be as long again as the silence was.
    ///
    /// # Errors
    /// With the words of `iptables`.
    pub fn heal(&self) -> io::Result<()> {
        for chain in ["INPUT", "OUTPUT"] {
            let mut command = self.tool("iptables");
            command.args(["--wait", "--flush", chain]);
            run(command, "")?;
        }
        Ok(())
    }
}

/// In the words of `iptables-restore`.
fn rules(address: &str, port: Option<u16>, how: How) -> String {
    // Connections to the port there, and to the port here.
    let ports = match port {
        Some(port) => vec![format!("--dport {port}"), format!("--sport {port}")],
        None => vec![String::new()],
    };
    let mut rules = String::new();
    for port in ports {
        rules.push_str(&match how {
            How::Drop => {
                let tcp = if port.is_empty() { "" } else { "-p tcp" };
                format!(
                    "-A INPUT -s {address} {tcp} {port} -j DROP\n-A OUTPUT -d {address} {tcp} {port} -j DROP\n"
                )
            }
            // A reset goes to the sender. So what comes in is refused, which resets the other end,
            // and this end's next packet is reset by that; going out, only what would wait for an
            // answer. Resets themselves pass, or nobody here would get one.
            How::Reject => format!(
                "-A INPUT -s {address} -p tcp {port} ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset\n\
                 -A OUTPUT -d {address} -p tcp {port} --syn -j REJECT --reject-with tcp-reset\n"
            ),
        });
    }
    rules
}
