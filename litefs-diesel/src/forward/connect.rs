//! Making one connection to a peer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::resolve::{ResolveError, Resolver};
use crate::members::Members;
use crate::request::Sizes;
use crate::rpc::Service;
use crate::rpc::client::Client;
use crate::rpc::hello::{self, HelloError, Identity, Peer, Purpose};
use crate::rpc::identity::{IdentityError, Transport};

/// How long one address may take to answer. Within a data centre it takes less than a
/// millisecond, around the world less than a third of a second.
const CONNECT: Duration = Duration::from_secs(2);

/// How long TLS and the hello may take together.
const HELLO: Duration = Duration::from_secs(5);

/// How many addresses of one name are tried.
const MAX_ADDRS: usize = 8;

/// What all connections to peers have in common.
pub(super) struct Connector {
    pub(super) resolver: Resolver,
    pub(super) identity: Arc<Identity>,
    /// By what this node knows its peers.
    pub(super) transport: Transport,
    /// What this node sees, told to its peers, and what they see.
    pub(super) members: Arc<Members>,
    pub(super) max_frame: usize,
    pub(super) sizes: Sizes,
    pub(super) runtime: Handle,
    pub(super) shutdown: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("{addr}: {source}")]
    Io { addr: SocketAddr, source: io::Error },
    #[error("{addr}: {source}")]
    Identity { addr: SocketAddr, source: IdentityError },
    #[error("{addr}: {source}")]
    Hello { addr: SocketAddr, source: HelloError },
}

impl ConnectError {
    /// Whether trying again cannot mend it.
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Resolve(error) => error.is_permanent(),
            Self::Io { .. } => false,
            Self::Identity { source, .. } => source.is_refusal(),
            Self::Hello { source, .. } => source.is_refusal(),
        }
    }

    /// Whether the host is this very node.
    pub(super) fn is_this_node(&self) -> bool {
        matches!(self, Self::Hello { source: HelloError::Itself, .. })
    }
}

impl Connector {
    /// Tries each address of the host, and says hello.
    pub(super) async fn connect<S: Service>(
        &self,
        hostname: &str,
        purpose: Purpose,
    ) -> Result<(Arc<Client<S>>, Peer), ConnectError> {
        let addrs = self.resolver.resolve(hostname).await?;
        let mut failure = None;
        for addr in addrs.into_iter().take(MAX_ADDRS) {
            match self.connect_to(hostname, addr, purpose).await {
                Ok((client, peer)) => return Ok((Arc::new(client), peer)),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| {
            let source = io::ErrorKind::NotFound.into();
            ConnectError::Resolve(ResolveError::Lookup { at: hostname.to_owned(), source })
        }))
    }

    async fn connect_to<S: Service>(
        &self,
        hostname: &str,
        addr: SocketAddr,
        purpose: Purpose,
    ) -> Result<(Client<S>, Peer), ConnectError> {
        let failed = |source| ConnectError::Io { addr, source };
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(addr)).await;
        let stream = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(failed)?;
        // A request is small and waits for nothing.
        stream.set_nodelay(true).map_err(failed)?;
        let unknown = |source| ConnectError::Identity { addr, source };
        let deadline = Instant::now() + HELLO;
        let names = self.resolver.names(hostname);
        let (mut stream, session) = self.transport.connect(stream, names, deadline).await.map_err(unknown)?;
        let greeted = hello::greet(&mut stream, &self.identity, purpose, deadline).await;
        let peer = greeted.map_err(|source| match &source {
            HelloError::Io(error) => match IdentityError::behind(error) {
                Some(source) => unknown(source),
                None => ConnectError::Hello { addr, source },
            },
            _ => ConnectError::Hello { addr, source },
        })?;
        // It was called by a name that LiteFS or DNS gave, and what it says of others it says as `peer.node`.
        session.proves(&peer.node, &self.resolver.node_names(&peer.node)).map_err(unknown)?;
        tracing::debug!(%addr, node = peer.node, ?purpose, "connected");
        let (client, driver) = Client::new(stream, self.max_frame);
        let until = self.shutdown.child_token();
        let (litefs, cluster) = (self.identity.litefs.clone(), peer.litefs.clone());
        let watched = session.watch(client.retirement(), until.clone());
        self.spawn(&until, async move {
            tokio::select! {
                () = driver => {}
                () = watched => {}
                () = litefs.no_longer(&cluster) => {}
            }
        });
        Ok((client, peer))
    }

    /// Runs on the node's runtime until `until`.
    pub(super) fn spawn(&self, until: &CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
        let until = until.clone();
        let task = async move {
            until.run_until_cancelled(task).await;
        };
        self.tasks.spawn_on(task, &self.runtime);
    }
}
