//! The library on three nodes: a primary and two replicas.

use litefs_diesel::{Config, Node, litefs_repo};
use litefs_diesel_tests::bench::Outcome;
use litefs_diesel_tests::cluster::{Cluster, Lease};
use litefs_diesel_tests::port::Port;

use crate::schema;

#[litefs_repo]
pub(crate) struct Repo;

/// Three LiteFS nodes with an application node on each; all know of all. Node 0 is the first
/// primary.
pub(crate) struct Trio {
    // Dropped in this order: LiteFS cannot unmount while somebody has a file open.
    nodes: Vec<(Node, Repo)>,
    pub(crate) cluster: Cluster,
    _ports: Vec<Port>,
}

impl Trio {
    pub(crate) fn start(lease: Lease) -> Outcome<Self> {
        let cluster = Cluster::start_in(&std::env::temp_dir(), 3, lease)?;
        let first = cluster.primary().ok_or("there is no primary")?;
        schema::create(&cluster.mount(first).join(schema::DATABASE))?;
        cluster.wait_replicated(first, schema::DATABASE)?;
        let ports = (0..3).map(|_| Port::claim()).collect::<Result<Vec<_>, _>>()?;
        let mut nodes = Vec::new();
        for index in 0..3 {
            let config = Config::default()
                .database("Repo", cluster.mount(index).join(schema::DATABASE).to_string_lossy())
                .litefs_http(cluster.http(index))
                .cluster_name("bench")
                .node_name(cluster.hostname(index))
                .listen(ports[index].address())
                .insecure(true)
                .nodes((0..3).map(|node| cluster.hostname(node)))
                .peer_table((0..3).map(|node| (cluster.hostname(node), ports[node].address())));
            let node = pollster::block_on(Node::start(config))?;
            let repo = Repo::on(&node)?;
            nodes.push((node, repo));
        }
        Ok(Self { nodes, cluster, _ports: ports })
    }

    pub(crate) fn repo(&self, node: usize) -> Repo {
        self.nodes[node].1.clone()
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        for (node, _) in &self.nodes {
            let _ = pollster::block_on(node.shutdown());
        }
    }
}
