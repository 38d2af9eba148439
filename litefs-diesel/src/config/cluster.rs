//! Reading `[litefs]` and `[cluster]`: addresses and names.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::accept::{self, AcceptWrites};
use super::error::StartError;
use super::identity::{self, IdentitySettings};
use super::layer::Value;
use super::read::Found;
use super::settings::{ClusterSettings, Fence, Nodes};

/// What stands for the host name in `cluster.peer`.
const HOSTNAME: &str = "{hostname}";

impl ClusterSettings {
    /// Of a node that has no peers.
    pub(super) fn alone() -> Self {
        Self {
            name: default_name(),
            node: machine_name().unwrap_or_else(|| "node".to_owned()),
            listen: None,
            peer: None,
            peers: BTreeMap::new(),
            nodes: None,
            identity: IdentitySettings::Unset,
            fence: Fence::Heard,
            fence_timeout: FENCE_TIMEOUT,
            accept: AcceptWrites::All,
            guest: None,
        }
    }
}

/// `cluster.fence_timeout` when it is not set: two nodes' heartbeats and as much to spare, and a fifth
/// of LiteFS's usual lease time.
const FENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Its least: three heartbeats between nodes, of which each comes every 500 ms.
const SHORTEST_FENCE: Duration = Duration::from_millis(1500);

/// The settings of `[cluster]`.
pub(super) fn settings<'a>(
    get: impl Fn(&'static str) -> Option<Found<'a>>,
) -> Result<ClusterSettings, StartError> {
    let owned = |found: Found<'_>| found.text().map(str::to_owned);
    let name = get("name").map_or_else(|| Ok(default_name()), owned)?;
    let node = match get("node") {
        Some(found) => owned(found)?,
        None => machine_name().ok_or_else(|| StartError::Missing {
            setting: "cluster.node".to_owned(),
            why: "the system does not tell the machine's host name; write this node's `lease.hostname` of LiteFS"
                .to_owned(),
        })?,
    };
    let identity = identity::settings(&get)?;
    let listen = get("listen").map(|found| listen(&found, &identity)).transpose()?;
    let peer = get("peer").map(|found| template(&found)).transpose()?;
    let peers = get("peers").map_or_else(|| Ok(BTreeMap::new()), |found| table(&found))?;
    match (listen.is_some(), peer.is_some() || !peers.is_empty()) {
        (true, false) => {
            return Err(StartError::Missing {
                setting: "cluster.peer".to_owned(),
                why: "this node listens for its peers, and would not find them itself; write \
                      `peer = \"{hostname}:7117\"`, or a table `peers`"
                    .to_owned(),
            });
        }
        (false, true) => {
            return Err(StartError::Missing {
                setting: "cluster.listen".to_owned(),
                why: "this node knows its peers, and they would not reach it when it becomes primary; write \
                      `listen = \"127.0.0.1:7117\"`"
                    .to_owned(),
            });
        }
        _ => {}
    }
    let nodes = get("nodes").map(|found| nodes(&found, peer.is_some(), &peers, listen)).transpose()?;
    if nodes.is_some() && identity == IdentitySettings::Unset {
        let why = format!(
            "`cluster.nodes` names other nodes, and nothing says how to know them; {}",
            identity::NEXT
        );
        return Err(StartError::Missing { setting: "cluster.secret_file".to_owned(), why });
    }
    let fence = get("fence").map_or(Ok(Fence::Heard), |found| fence(&found))?;
    let fence_timeout = get("fence_timeout").map_or(Ok(FENCE_TIMEOUT), |found| fence_timeout(&found))?;
    if fence == Fence::Majority && nodes.is_none() {
        return Err(StartError::Missing {
            setting: "cluster.nodes".to_owned(),
            why: "`fence = \"majority\"` counts all nodes; name them: `nodes = [\"a\", \"b\", \"c\"]`"
                .to_owned(),
        });
    }
    let accept = accept::settings(&get, nodes.as_ref())?;
    Ok(ClusterSettings {
        name,
        node,
        listen,
        peer,
        peers,
        nodes,
        identity,
        fence,
        fence_timeout,
        accept,
        guest: None,
    })
}

/// `litefs.http`: `http://host:port`, and nothing behind it.
pub(super) fn http(found: &Found<'_>) -> Result<String, StartError> {
    const NEXT: &str = "write LiteFS's `http.addr` as \"http://127.0.0.1:20202\"";
    let text = found.text()?;
    // The text itself is not shown: it may hold a password.
    let url = reqwest::Url::parse(text)
        .map_err(|error| found.error(format!("it is not a URL ({error}); {NEXT}")))?;
    if url.scheme() != "http" {
        return Err(
            found.error(format!("it begins with `{}:`, and LiteFS speaks plain HTTP; {NEXT}", url.scheme()))
        );
    }
    if !url.has_host() || !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some()
    {
        return Err(found.error(format!("it has to be a host and a port, and nothing behind; {NEXT}")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(found.error(format!("it has a user or a password, which LiteFS does not know; {NEXT}")));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn default_name() -> String {
    "litefs-diesel".to_owned()
}

/// The host name, which is also LiteFS's default for `lease.hostname`. LiteFS runs on Linux only;
/// elsewhere a node is alone.
fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn listen(found: &Found<'_>, identity: &IdentitySettings) -> Result<SocketAddr, StartError> {
    let text = found.text()?;
    let address: SocketAddr = text.trim().parse().map_err(|_| {
        found.error(format!("`{text}` is not a socket address; write \"127.0.0.1:7117\" or \"[::1]:7117\""))
    })?;
    match identity {
        IdentitySettings::Unset => Err(StartError::Missing {
            setting: "cluster.secret_file".to_owned(),
            why: format!(
                "this node listens on {address} (`cluster.listen`), and nothing says who may connect; {}; on \
                 loopback only, `insecure = true` allows plain text",
                identity::NEXT
            ),
        }),
        IdentitySettings::Insecure if !address.ip().is_loopback() => Err(found.error(format!(
            "{address} is not on loopback, and with `insecure = true` whoever reaches it could write; instead of \
             that, {}; or listen on \"127.0.0.1:{}\"",
            identity::NEXT,
            address.port()
        ))),
        _ => Ok(address),
    }
}

fn fence(found: &Found<'_>) -> Result<Fence, StartError> {
    match found.text()?.trim() {
        "heard" => Ok(Fence::Heard),
        "majority" => Ok(Fence::Majority),
        other => Err(found.error(format!("`{other}` is neither \"heard\" nor \"majority\""))),
    }
}

fn fence_timeout(found: &Found<'_>) -> Result<Duration, StartError> {
    match found.duration(false)? {
        timeout if timeout >= SHORTEST_FENCE => Ok(timeout),
        _ => Err(found.error(
            "it is shorter than 1500 ms, three heartbeats between nodes, and a primary would stop for want of one",
        )),
    }
}

fn template(found: &Found<'_>) -> Result<String, StartError> {
    let text = found.text()?.trim();
    if !text.contains(HOSTNAME) {
        return Err(found.error(format!(
            "`{text}` does not have `{HOSTNAME}`, and would be the same for every node; write \"{HOSTNAME}:7117\""
        )));
    }
    let sample = text.replace(HOSTNAME, "host");
    if sample.contains(['{', '}']) {
        return Err(found.error(format!("`{text}` has braces around something other than `{HOSTNAME}`")));
    }
    host_and_port(&sample)
        .map_err(|why| found.error(format!("`{text}` {why}; write \"{HOSTNAME}:7117\"")))?;
    Ok(text.to_owned())
}

fn table(found: &Found<'_>) -> Result<BTreeMap<String, String>, StartError> {
    let table = found.table()?;
    for (host, address) in &table {
        if host.is_empty() {
            return Err(found.error("a host name in it is empty"));
        }
        host_and_port(address).map_err(|why| {
            found.error(format!("the address `{address}` of {host} {why}; write \"host:7117\""))
        })?;
    }
    Ok(table.into_iter().map(|(host, address)| (host.to_owned(), address.to_owned())).collect())
}

fn nodes(
    found: &Found<'_>,
    template: bool,
    peers: &BTreeMap<String, String>,
    listen: Option<SocketAddr>,
) -> Result<Nodes, StartError> {
    if let Value::Text(text) | Value::Loose(text) = found.value {
        if let Some(name) = text.trim().strip_prefix("dns:") {
            return dns(found, name, listen);
        }
        if matches!(found.value, Value::Text(_)) {
            return Err(found.error(format!("`{text}` is neither a list ([\"a\", \"b\"]) nor \"dns:NAME\"")));
        }
    }
    let list = found.list()?;
    if list.is_empty() {
        return Err(found.error("it is empty; name all nodes, this one included, or leave it out"));
    }
    let mut seen = BTreeSet::new();
    for node in &list {
        if node.is_empty() || !seen.insert(*node) {
            return Err(found.error(format!("`{node}` is empty or there twice; name each node once")));
        }
        if !template && !peers.contains_key(*node) {
            return Err(found.error(format!(
                "`{node}` has no address; put it into `cluster.peers`, or write `cluster.peer = \"{HOSTNAME}:7117\"`"
            )));
        }
    }
    Ok(Nodes::List(list.into_iter().map(str::to_owned).collect()))
}

fn dns(found: &Found<'_>, name: &str, listen: Option<SocketAddr>) -> Result<Nodes, StartError> {
    let (name, port) = match name.split_once(':') {
        Some((name, port)) => (name, port.parse().ok()),
        None => (name, listen.map(|address| address.port())),
    };
    match port {
        _ if name.is_empty() => Err(found.error("no name is behind `dns:`; write \"dns:app.internal\"")),
        Some(port) if port != 0 => Ok(Nodes::Dns { name: name.to_owned(), port }),
        _ => Err(found.error("it has no port, nor has `cluster.listen`; write \"dns:app.internal:7117\"")),
    }
}

/// `Err` ends the sentence that begins with the address.
fn host_and_port(address: &str) -> Result<(), &'static str> {
    let Some((host, port)) = address.rsplit_once(':') else { return Err("has no port") };
    if host.is_empty() {
        return Err("has no host");
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Err("has an IPv6 address without brackets");
    }
    match port.parse::<u16>() {
        Ok(port) if port != 0 => Ok(()),
        _ => Err("has no port from 1 to 65535"),
    }
}
