//! A small network of this machine's own: hosts that are network namespaces, each with its own
//! loopback and address, on one bridge that this process is on too. Between them packets can be
//! dropped or refused ([`Namespace::cut`]).
//!
//! It never touches the machine's own firewall or bridges: the bridge is in a namespace as well,
//! and all that the machine sees is one interface. What was made is removed by [`REMOVE`], which a
//! janitor runs; this room never removes anything itself. Needs root, `ip` and `iptables`.

mod firewall;
mod tool;

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use firewall::How;

use crate::port;
use tool::{batch, ip, run};

/// Shell that removes the network named `$network`, or what there is of it. Processes in it should
/// have ended: a namespace lives as long as they do.
pub const REMOVE: &str = r#"
ip link del "$network" 2>/dev/null
for namespace in /run/netns/"$network"-*; do
    if [ -e "$namespace" ]; then ip netns del "${namespace##*/}" 2>/dev/null; fi
done
"#;

/// Some namespaces on a bridge.
#[derive(Debug)]
pub struct Network {
    namespaces: Vec<Namespace>,
    /// Keeps the subnet from other tests.
    _subnet: UnixListener,
}

/// One host of a [`Network`].
#[derive(Clone, Debug)]
pub struct Namespace {
    name: String,
    address: String,
    loopback: String,
}

/// It is up to each namespace what a loopback address is; in ours only 127.0.0.1 is the host's own,
/// and these belong to the hosts of the bridge. No other network knows them, so each has the same.
const LOOPBACK: &str = "127.77.0";

/// An interface's name has at most 15 bytes; ours are the network's and short ones.
const LONGEST_NAME: usize = 15;

impl Network {
    /// Makes a network of `hosts` namespaces. `name` must be this network's alone on the whole
    /// machine, and is what [`REMOVE`] takes: have that arranged before this is called, so that a
    /// killed process leaves nothing either.
    ///
    /// # Errors
    /// With the words of the tool that failed: not root, no `ip`, a kernel without namespaces.
    pub fn create(name: &str, hosts: u8) -> io::Result<Self> {
        if name.len() > LONGEST_NAME {
            return Err(io::Error::other(format!("{name:?} is too long for an interface's name")));
        }
        let (subnet, claim) = claim_subnet()?;
        let hub = format!("{name}-hub");
        ip(&["netns", "add", &hub])?;
        let mut namespaces = Vec::new();
        for host in 0..hosts {
            let namespace = Namespace {
                name: format!("{name}-{host}"),
                // .1 is this process's own.
                address: format!("{subnet}.{}", u16::from(host) + 2),
                loopback: format!("{LOOPBACK}.{}", u16::from(host) + 2),
            };
            ip(&["netns", "add", &namespace.name])?;
            namespaces.push(namespace);
        }

        let mut here = format!("link add {name} type veth peer name here netns {hub}\n");
        let mut bridge = String::from("link add bridge type bridge\nlink set bridge up\n");
        bridge.push_str("link set here master bridge up\n");
        for (host, namespace) in namespaces.iter().enumerate() {
            let inside = &namespace.name;
            here.push_str(&format!(
                "link add eth0 netns {inside} type veth peer name host{host} netns {hub}\n"
            ));
            bridge.push_str(&format!("link set host{host} master bridge up\n"));
        }
        here.push_str(&format!("addr add {subnet}.1/24 dev {name}\nlink set {name} up\n"));
        batch(None, &here)?;
        batch(Some(&hub), &bridge)?;
        namespaces.iter().try_for_each(Namespace::bring_up)?;
        Ok(Self { namespaces, _subnet: claim })
    }

    /// Its hosts.
    #[must_use]
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }
}

impl Namespace {
    /// Its IP address, which the other namespaces and this process reach.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Another IP address of it, which the other namespaces reach and this process does not: one of
    /// loopback's range, for a program that speaks on loopback only.
    #[must_use]
    pub fn loopback(&self) -> &str {
        &self.loopback
    }

    /// Its file, which a thread can enter.
    pub(crate) fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    fn bring_up(&self) -> io::Result<()> {
        let Self { name, address, loopback } = self;
        let commands = format!(
            "link set lo up\naddr del 127.0.0.1/8 dev lo\naddr add 127.0.0.1/32 dev lo\n\
             addr add {address}/24 dev eth0\naddr add {loopback}/24 dev eth0\nlink set eth0 up\n"
        );
        batch(Some(name), &commands)?;
        // Else the kernel drops what comes from or goes to 127.0.0.0/8 over a wire.
        let mut command = self.tool("sh");
        command.args(["-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet"]);
        run(command, "").map(drop)
    }

    /// The words that, put before a command, run it there. Only the network is another: it sees
    /// the same files and mounts (`ip netns exec` would hide new mounts from everybody else), and
    /// has the same process id as the command would have had.
    #[must_use]
    pub fn prefix(&self) -> Vec<OsString> {
        let mut net = OsString::from("--net=");
        net.push(self.path());
        vec!["nsenter".into(), net, "--".into()]
    }

    /// A tool that runs there and ends by itself.
    fn tool(&self, program: &str) -> Command {
        let prefix = self.prefix();
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(program);
        command
    }
}

/// 198.18.0.0/15 is for tests of networks (RFC 2544), so that no real one is hidden. Takes a /24
/// of it that no other test has and to which no route leads.
fn claim_subnet() -> io::Result<(String, UnixListener)> {
    let mut last = None;
    for attempt in 0..100u32 {
        let number = port::random(attempt) % 512;
        let subnet = format!("198.{}.{}", 18 + number / 256, number % 256);
        match port::claim_name(&format!("litefs-diesel-tests-subnet-{number}")) {
            Err(error) => last = Some(error),
            // A test that was killed has released its claim, and its janitor may be at work yet.
            Ok(claim) if ip(&["-4", "route", "show", "exact", &format!("{subnet}.0/24")])?.is_empty() => {
                return Ok((subnet, claim));
            }
            Ok(_) => {}
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no free subnet in 198.18.0.0/15")))
}
