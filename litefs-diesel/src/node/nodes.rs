//! The nodes of the cluster, as the settings list them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{ClusterSettings, Nodes};
use crate::forward::Peers;
use crate::members::{Expected, Members};

/// How long a look-up of `cluster.nodes` may take: DNS clients give up after 5 s by default.
const LOOK_UP: Duration = Duration::from_secs(5);

/// How often a DNS name is looked up again. Usual records live for a minute at most.
const AGAIN: Duration = Duration::from_secs(30);

/// How many addresses of a DNS name are taken. A cluster has a few.
const MAX_NODES: usize = 64;

/// What the settings say.
#[derive(Default)]
pub(super) struct Found {
    /// The other nodes to keep in touch with; by DNS, addresses, this node's own among them.
    pub(super) others: Vec<String>,
    /// All nodes, when `cluster.nodes` names them.
    pub(super) expected: Option<Vec<Expected>>,
}

/// Looks up what has to be.
pub(super) async fn find(cluster: &ClusterSettings) -> Found {
    let without_this = |nodes: &mut dyn Iterator<Item = &String>| {
        nodes.filter(|node| **node != cluster.node).cloned().collect()
    };
    match &cluster.nodes {
        Some(Nodes::List(nodes)) => Found {
            others: without_this(&mut nodes.iter()),
            expected: Some(nodes.iter().map(|node| Expected::named(node)).collect()),
        },
        Some(Nodes::Dns { name, port }) => {
            let others = dns(name, *port).await.unwrap_or_else(|error| {
                tracing::warn!(name, %error, "cannot find the other nodes (setting `cluster.nodes`)");
                Vec::new()
            });
            Found { expected: Some(expected(&others)), others }
        }
        None => Found { others: without_this(&mut cluster.peers.keys()), expected: None },
    }
}

/// Looks a DNS name up again now and then, for ever; where there is none, there is nothing to do. A
/// look-up that fails changes nothing.
pub(super) async fn look_up(cluster: ClusterSettings, peers: Arc<Peers>, members: Arc<Members>) {
    let Some(Nodes::Dns { name, port }) = &cluster.nodes else { return };
    loop {
        tokio::time::sleep(AGAIN).await;
        match dns(name, *port).await {
            Ok(addresses) => {
                members.expect(expected(&addresses));
                peers.keep(&addresses);
            }
            Err(error) => tracing::debug!(name, %error, "cannot look the other nodes up again"),
        }
    }
}

fn expected(addresses: &[String]) -> Vec<Expected> {
    addresses.iter().map(|address| Expected::at(address)).collect()
}

/// The addresses behind a DNS name, each once.
async fn dns(name: &str, port: u16) -> io::Result<Vec<String>> {
    let asked = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, port))).await;
    let found = asked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let mut addresses: Vec<String> = found.map(|address| address.to_string()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MAX_NODES);
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn nodes_by_dns_name_are_asked_as_listed_ones_are() {
        let config = Config::default().database("Repo", "/nowhere/app.db");
        let mut cluster = config.resolve().unwrap().cluster;
        cluster.nodes = Some(Nodes::Dns { name: "localhost".to_owned(), port: 7117 });
        let found = find(&cluster).await;
        assert!(found.others.contains(&"127.0.0.1:7117".to_owned()));
        assert!(found.expected.unwrap().contains(&Expected::at("127.0.0.1:7117")));
    }
}
