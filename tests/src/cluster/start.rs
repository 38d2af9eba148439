//! Bringing a cluster up.

use std::path::{Path, PathBuf};

use super::consul::Consul;
use super::janitor::Janitor;
use super::node::LitefsNode;
use super::partition::LITEFS_PORT;
use super::place::Place;
use super::settings::Shared;
use super::{Cluster, ClusterError, Lease};
use crate::netns::{Namespace, Network};
use crate::proxy::Proxy;

/// Consul's usual port, in its namespace.
const CONSUL_PORT: u16 = 8500;

/// Starts a cluster in a new directory below `parent`.
pub(super) fn cluster(parent: &Path, nodes: usize, lease: Lease) -> Result<Cluster, ClusterError> {
    let binary = binary("LITEFS_BIN", "litefs")?;
    if lease.in_namespaces() && lease.through_proxies() {
        return Err(ClusterError::new("a proxy would go round the cuts between namespaces".into()));
    }
    let dir = tempfile::Builder::new().prefix("litefs-diesel-").tempdir_in(parent);
    let dir = dir.map_err(wrong("no directory for the cluster"))?.keep();
    // A test may give a node a disk of its own: see `Cluster::give_small_disk`.
    let of_node = |i| ["mnt", "data"].map(|mount| dir.join(format!("node-{i}/{mount}")));
    let mounts: Vec<PathBuf> = (0..nodes).flat_map(of_node).collect();
    let network = if lease.in_namespaces() { network_name(&dir) } else { String::new() };
    // From here on, leaving by an error cleans up too.
    let janitor = Janitor::watch(&dir, &network, &mounts)?;
    let mut cluster =
        Cluster { nodes: Vec::new(), consul: None, janitor, network: None, proxies: Vec::new(), dir };

    if lease.in_namespaces() {
        let hosts = u8::try_from(nodes + 1).map_err(wrong("too many nodes"))?;
        cluster.network = Some(Network::create(&network, hosts).map_err(wrong("no network"))?);
    }
    // The nodes have the first namespaces, and Consul the one behind theirs.
    let namespaces = cluster.network.as_ref().map(Network::namespaces).unwrap_or_default().to_vec();
    if let Lease::Consul(_) = &lease {
        let place = place(&namespaces, nodes, CONSUL_PORT)?;
        cluster.consul = Some(Consul::launch(cluster.dir.join("consul"), place)?);
    }
    let places =
        (0..nodes).map(|node| place(&namespaces, node, LITEFS_PORT)).collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<String> = places.iter().map(Place::address).collect();
    let mut advertised = addresses.clone();
    if lease.through_proxies() {
        for address in &mut advertised {
            let proxy = Proxy::start("127.0.0.1:0", address.clone()).map_err(wrong("no proxy"))?;
            *address = proxy.address();
            cluster.proxies.push(proxy);
        }
    }
    let consul = cluster.consul.as_ref().map(Consul::http);
    let shared = Shared { lease, addresses, advertised, consul };
    for (index, place) in places.into_iter().enumerate() {
        let dir = cluster.dir.join(format!("node-{index}"));
        let settings = shared.yaml(index, &dir);
        cluster.nodes.push(LitefsNode::create(index, &binary, dir, place, &settings)?);
    }
    start_nodes(&cluster.nodes, shared.first_primary())?;
    Ok(cluster)
}

/// Starts all, the one that shall be primary first: whoever asks first gets a lease.
fn start_nodes(nodes: &[LitefsNode], first: usize) -> Result<(), ClusterError> {
    let (first, others): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.index == first);
    for nodes in [first, others] {
        for node in &nodes {
            node.start()?;
        }
        for node in &nodes {
            node.wait_ready()?;
        }
    }
    Ok(())
}

/// The host's namespace, where it has one, else a port on loopback.
fn place(namespaces: &[Namespace], host: usize, port: u16) -> Result<Place, ClusterError> {
    match namespaces.get(host) {
        Some(namespace) => Ok(Place::Namespace(namespace.clone(), port)),
        None => Place::on_loopback().map_err(wrong("no free port")),
    }
}

/// Unique as the directory is, and short enough for the name of an interface.
fn network_name(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    format!("ld{}", name.rsplit('-').next().unwrap_or_default())
}

/// A server's program: what the variable says, or where `tests/run` builds it.
pub(super) fn binary(variable: &str, name: &str) -> Result<PathBuf, ClusterError> {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/servers").join(name);
    let path = std::env::var_os(variable).map_or_else(built, PathBuf::from);
    path.canonicalize().map_err(|error| {
        ClusterError::new(format!(
            "no {name} at {}: {error}; run tests/run, which builds it, or set {variable}",
            path.display()
        ))
    })
}

fn wrong<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> ClusterError {
    move |error| ClusterError::new(format!("{what}: {error}"))
}
