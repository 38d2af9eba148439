//! Starting a node: look first, then open.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handle::{Parts, Runtime};
use super::served::Served;
use super::{nodes, prepare, view};
use crate::config::check::check_folders;
use crate::config::tool::node_of;
use crate::config::{ClusterSettings, Nodes, Settings, StartError};
use crate::forward::{Peers, PeersConfig, Resolver};
use crate::litefs::{Litefs, LitefsSettings, Role, warn_if_exposed};
use crate::members::{Members, MembersConfig};
use crate::request::{Executor, Sizes};
use crate::rpc::hello::{Identity, PROTOCOL};
use crate::rpc::identity::Transport;
use crate::server::{self, Budget, Services};

/// How often the files of the identity are looked at: what changes in them is in use some seconds later.
const LOOK_AT_IDENTITY: Duration = Duration::from_secs(1);

/// What all databases of a node share.
pub(super) struct Common {
    pub(super) litefs: Arc<Litefs>,
    /// Whether there is a LiteFS.
    pub(super) replicated: bool,
    pub(super) peers: Arc<Peers>,
    pub(super) members: Arc<Members>,
    /// The names of the other nodes, as far as the settings list them; by DNS, their addresses.
    pub(super) others: Vec<String>,
    /// What this process is called in the ledgers: a random number.
    pub(super) process: u128,
    pub(super) runtime: Handle,
}

/// Brings everything up, or nothing: what was started before an error is stopped by being dropped.
pub(super) async fn start(settings: Settings, runtime: Runtime) -> Result<Parts, StartError> {
    let (settings, transport) = checked(settings).await?;
    let litefs = follow(&settings, runtime.handle());
    let deadline =
        Instant::now() + settings.litefs.as_ref().map(|litefs| litefs.start_timeout).unwrap_or_default();
    let is_reached = !settings.is_alone() && settings.cluster.guest.is_none();
    let listener = match settings.cluster.listen.filter(|_| is_reached) {
        Some(address) => Some(bind(address, &transport).await?),
        None => None,
    };
    let stopping = CancellationToken::new();
    let tasks = TaskTracker::new();
    let process = random()?;
    let identity = Arc::new(Identity {
        application: settings.cluster.name.clone(),
        cluster: settings.cluster.name.clone(),
        node: settings.cluster.guest.as_ref().unwrap_or(&settings.cluster.node).clone(),
        process,
        repos: settings.repos.keys().cloned().collect(),
        protocol: PROTOCOL,
        litefs: litefs.cluster_id(),
    });
    identity.check_size().map_err(|error| StartError::System { why: error.to_string() })?;
    let replicated = !settings.is_alone();
    let nodes = if replicated { nodes::find(&settings.cluster).await } else { nodes::Found::default() };
    let members = Members::new(MembersConfig {
        node: settings.cluster.node.clone(),
        guest: settings.cluster.guest.clone(),
        process,
        roles: litefs.roles(),
        replicated,
        expected: nodes.expected,
        fence: settings.cluster.fence,
        fence_timeout: settings.cluster.fence_timeout,
    });
    let resolver = resolver(&settings.cluster, &transport)?;
    let names = resolver.clone();
    if let Some(why) = transport.misnamed(&resolver.node_names(&settings.cluster.node)) {
        tracing::warn!(
            node = settings.cluster.node,
            why,
            "other nodes will refuse this one: its certificate (`cluster.cert_file`) is of another node"
        );
    }
    let peers = Peers::new(PeersConfig {
        resolver,
        identity: identity.clone(),
        transport: transport.clone(),
        members: members.clone(),
        max_frame: settings.limits.max_frame,
        sizes: Sizes::of(&settings.limits),
        runtime: runtime.handle().clone(),
    });
    peers.keep(&nodes.others);
    let common = Common {
        litefs: litefs.clone(),
        replicated,
        others: nodes.others,
        members,
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
        let keeper = view::Keeper::new(litefs.clone(), watches, common.members.clone(), lag.clone());
        tasks.spawn(keeper.run(stopping.clone()));
        let look_up = nodes::look_up(settings.cluster.clone(), common.peers.clone(), common.members.clone());
        let until = stopping.clone();
        tasks.spawn(async move {
            until.run_until_cancelled(look_up).await;
        });
        tasks.spawn(renew(litefs.clone(), served.values().cloned().collect(), stopping.clone()));
    }
    let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(listener) = listener {
        let repos =
            served.iter().map(|(name, served)| (name.clone(), served.writer.clone() as Arc<dyn Executor>));
        let services = Services {
            identity,
            repos: repos.collect(),
            members: common.members.clone(),
            transport: transport.clone(),
            // A guest has the certificate of the node beside it.
            names: Arc::new(move |node| names.node_names(node_of(node))),
            budget: Budget::new(&settings.limits),
            limits: settings.limits.clone(),
            refused: Arc::default(),
            accept: settings.cluster.accept.clone(),
        };
        tasks.spawn(server::run(listener, Arc::new(services), stopping.clone()));
    }
    let until = stopping.clone();
    tasks.spawn(async move {
        until.run_until_cancelled(transport.keep(LOOK_AT_IDENTITY)).await;
    });
    if common.replicated {
        common.peers.follow(litefs.roles());
    }
    tasks.close();
    tracing::info!(role = ?litefs.role().role, ?address, repos = ?served.keys(), "started");
    let Common { peers, members, .. } = common;
    Ok(Parts { settings, litefs, served, peers, members, lag, address, stopping, tasks, runtime })
}

async fn checked(settings: Settings) -> Result<(Settings, Transport), StartError> {
    let looked = tokio::task::spawn_blocking(move || {
        check_folders(&settings)?;
        if let Some(litefs) = &settings.litefs {
            warn_if_exposed(&litefs.http);
        }
        let transport = Transport::load(&settings.cluster.identity, &settings.cluster.name)?;
        Ok((settings, transport))
    });
    looked.await.map_err(|error| StartError::System { why: error.to_string() })?
}

fn follow(settings: &Settings, runtime: &Handle) -> Arc<Litefs> {
    let mount = settings.repos.values().find_map(|repo| repo.database.file().parent());
    match (&settings.litefs, mount) {
        (Some(litefs), Some(mount)) => Litefs::start(LitefsSettings::new(&litefs.http, mount), runtime),
        _ => Litefs::alone(),
    }
}

async fn bind(address: SocketAddr, transport: &Transport) -> Result<TcpListener, StartError> {
    server::bind(address, transport)
        .await
        .map_err(|error| StartError::Listen { address: address.to_string(), why: error.to_string() })
}

fn resolver(cluster: &ClusterSettings, transport: &Transport) -> Result<Resolver, StartError> {
    let dns = match &cluster.nodes {
        Some(Nodes::Dns { name, .. }) => Some(name.clone()),
        Some(Nodes::List(_)) | None => None,
    };
    let resolver = Resolver::new(cluster.peers.clone(), cluster.peer.clone())
        .map_err(|error| StartError::System { why: error.to_string() })?;
    Ok(resolver.plain(transport.is_plain()).dns(dns))
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

/// Drops every descriptor when LiteFS goes away, so that it can mount again, and when this node stops
/// being primary: then LiteFS cuts `-shm` off behind its first 32 KiB. SQLite keeps more of it mapped for as long
/// as any connection of this process is open, and the next large write would end the process by SIGBUS.
async fn renew(litefs: Arc<Litefs>, served: Vec<Arc<Served>>, stopping: CancellationToken) {
    let (mut lost, mut roles) = (litefs.mounts_lost(), litefs.roles());
    let mut was_primary = roles.borrow().role.is_primary();
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
                let is_primary = roles.borrow_and_update().role.is_primary();
                // What changed and changed back shows as a change without another role.
                if was_primary {
                    served.iter().for_each(|served| served.renew());
                } else if !is_primary {
                    // Only a primary holds its databases open for writing.
                    served.iter().for_each(|served| served.writer.renew());
                }
                was_primary = is_primary;
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
