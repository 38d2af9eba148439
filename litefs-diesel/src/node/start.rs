//! Starting a node: look first, then open.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handle::{Parts, Runtime};
use super::served::Served;
use super::{prepare, view};
use crate::config::check::check_folders;
use crate::config::{ClusterSettings, Nodes, Settings, StartError};
use crate::forward::{Peers, PeersConfig, Resolver};
use crate::litefs::{Litefs, LitefsSettings, Role};
use crate::request::Executor;
use crate::rpc::control::View;
use crate::rpc::hello::{Identity, PROTOCOL};
use crate::server::{self, Limits, Services};

/// How long a look-up of `cluster.nodes` may take: DNS clients give up after 5 s by default.
const LOOK_UP: Duration = Duration::from_secs(5);

/// What all databases of a node share.
pub(super) struct Common {
    pub(super) litefs: Arc<Litefs>,
    /// Whether there is a LiteFS.
    pub(super) replicated: bool,
    pub(super) peers: Arc<Peers>,
    /// The names of the other nodes, as far as the settings list them; by DNS, their addresses.
    pub(super) others: Vec<String>,
    /// What this process is called in the ledgers: a random number.
    pub(super) process: u128,
    pub(super) runtime: Handle,
}

/// Brings everything up, or nothing: what was started before an error is stopped by being dropped.
pub(super) async fn start(settings: Settings, runtime: Runtime) -> Result<Parts, StartError> {
    let settings = checked(settings).await?;
    let litefs = follow(&settings, runtime.handle());
    let deadline =
        Instant::now() + settings.litefs.as_ref().map(|litefs| litefs.start_timeout).unwrap_or_default();
    let listener = match settings.cluster.listen.filter(|_| !settings.is_alone()) {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let stopping = CancellationToken::new();
    let tasks = TaskTracker::new();
    let process = random()?;
    let identity = Arc::new(Identity {
        application: settings.cluster.name.clone(),
        cluster: settings.cluster.name.clone(),
        node: settings.cluster.node.clone(),
        process,
        repos: settings.repos.keys().cloned().collect(),
        protocol: PROTOCOL,
    });
    identity.check_size().map_err(|error| StartError::System { why: error.to_string() })?;
    let (view, seen) = watch::channel(View::unknown());
    let by_dns = if settings.is_alone() { Vec::new() } else { by_dns(&settings.cluster).await };
    let peers = peers(&settings.cluster, &by_dns, &identity, &seen, runtime.handle())?;
    let common = Common {
        litefs: litefs.clone(),
        replicated: !settings.is_alone(),
        others: others(&settings.cluster, by_dns),
        peers,
        process,
        runtime: runtime.handle().clone(),
    };
    leader(&common.litefs, &settings, deadline).await?;
    let lag = view::Lag::new(common.replicated);
    let mut served = BTreeMap::new();
    for (name, repo) in &settings.repos {
        let mode = prepare::prepare(repo, &common, deadline).await?;
        served.insert(name.clone(), Served::start(repo.clone(), mode, &common)?);
    }
    if common.replicated {
        let watches = served.iter().map(|(name, served)| (name.clone(), served.watch.clone())).collect();
        tasks.spawn(view::keep(litefs.clone(), watches, view, lag.clone(), stopping.clone()));
        tasks.spawn(renew(litefs.clone(), served.values().cloned().collect(), stopping.clone()));
    }
    let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(listener) = listener {
        let repos =
            served.iter().map(|(name, served)| (name.clone(), served.writer.clone() as Arc<dyn Executor>));
        let services = Services {
            identity,
            repos: repos.collect(),
            view: seen,
            reports: Arc::default(),
            limits: Limits::default(),
        };
        tasks.spawn(server::run(listener, Arc::new(services), stopping.clone()));
    }
    if common.replicated {
        common.peers.follow(litefs.roles());
    }
    tasks.close();
    tracing::info!(role = ?litefs.role().role, ?address, repos = ?served.keys(), "started");
    let Common { peers, .. } = common;
    Ok(Parts { settings, litefs, served, peers, lag, address, stopping, tasks, runtime })
}

async fn checked(settings: Settings) -> Result<Settings, StartError> {
    let looked = tokio::task::spawn_blocking(move || check_folders(&settings).map(|()| settings)).await;
    looked.map_err(|error| StartError::System { why: error.to_string() })?
}

fn follow(settings: &Settings, runtime: &Handle) -> Arc<Litefs> {
    let mount = settings.repos.values().find_map(|repo| repo.database.file().parent());
    match (&settings.litefs, mount) {
        (Some(litefs), Some(mount)) => Litefs::start(LitefsSettings::new(&litefs.http, mount), runtime),
        _ => Litefs::alone(),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    server::bind(address)
        .await
        .map_err(|error| StartError::Listen { address: address.to_string(), why: error.to_string() })
}

fn peers(
    cluster: &ClusterSettings,
    by_dns: &[String],
    identity: &Arc<Identity>,
    view: &watch::Receiver<View>,
    runtime: &Handle,
) -> Result<Arc<Peers>, StartError> {
    // What DNS says is known by its address, which then stands for itself.
    let mut table = cluster.peers.clone();
    table.extend(by_dns.iter().map(|address| (address.clone(), address.clone())));
    let resolver = Resolver::new(table, cluster.peer.clone())
        .map_err(|error| StartError::System { why: error.to_string() })?;
    Ok(Peers::new(PeersConfig {
        resolver,
        identity: identity.clone(),
        view: view.clone(),
        max_frame: crate::rpc::wire::MAX_FRAME,
        runtime: runtime.clone(),
    }))
}

/// The addresses behind `cluster.nodes = "dns:…"`, this node's own among them.
async fn by_dns(cluster: &ClusterSettings) -> Vec<String> {
    let Some(Nodes::Dns { name, port }) = &cluster.nodes else { return Vec::new() };
    let asked = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name.as_str(), *port))).await;
    match asked.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
        Ok(found) => found.map(|address| address.to_string()).collect(),
        Err(error) => {
            tracing::warn!(name, %error, "cannot find the other nodes (setting `cluster.nodes`)");
            Vec::new()
        }
    }
}

/// The other nodes, as far as the settings enumerate them.
fn others(cluster: &ClusterSettings, by_dns: Vec<String>) -> Vec<String> {
    match &cluster.nodes {
        Some(Nodes::List(nodes)) => nodes.iter().filter(|node| **node != cluster.node).cloned().collect(),
        Some(Nodes::Dns { .. }) => by_dns,
        None => cluster.peers.keys().filter(|node| **node != cluster.node).cloned().collect(),
    }
}

/// Waits until LiteFS says who is primary: a node may boot before there is one.
async fn leader(litefs: &Litefs, settings: &Settings, deadline: Instant) -> Result<(), StartError> {
    let mut roles = litefs.roles();
    let known = roles.wait_for(|view| view.role != Role::NoLeader);
    match tokio::time::timeout_at(deadline.into(), known).await {
        Ok(_) => Ok(()),
        Err(_) => Err(StartError::NoLeader {
            waited: settings.litefs.as_ref().map(|litefs| litefs.start_timeout).unwrap_or_default(),
            why: litefs.trouble().unwrap_or_else(|| "LiteFS answers, and knows of no primary".to_owned()),
        }),
    }
}

/// Drops every descriptor when LiteFS goes away, so that it can mount again, and those for writing
/// when this node is not primary any more.
async fn renew(litefs: Arc<Litefs>, served: Vec<Arc<Served>>, stopping: CancellationToken) {
    let (mut lost, mut roles) = (litefs.mounts_lost(), litefs.roles());
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            changed = lost.changed() => {
                if changed.is_err() {
                    return;
                }
                tracing::warn!("LiteFS went away; its files are opened anew");
                served.iter().for_each(|served| served.renew());
            }
            changed = roles.changed() => {
                if changed.is_err() {
                    return;
                }
                if !roles.borrow_and_update().role.is_primary() {
                    // Only a primary holds its databases open for writing.
                    served.iter().for_each(|served| served.writer.renew());
                }
            }
        }
    }
}

fn random() -> Result<u128, StartError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| StartError::System { why: format!("the system gives no random number: {error}") })?;
    Ok(u128::from_le_bytes(bytes))
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
        let by_dns = by_dns(&cluster).await;
        assert!(others(&cluster, by_dns).contains(&"127.0.0.1:7117".to_owned()));
    }
}
