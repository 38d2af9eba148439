//! A served node for tests: a real listener, and a writer in memory ([`fake`]).

mod fake;

pub(crate) use self::fake::{Fake, FakePrimary, full, unique};

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Budget, Refused, Services, bind, run};
use crate::config::{AcceptWrites, LimitSettings};
use crate::error::{Bound, DatabaseError, ErrorKind};
use crate::litefs::{ClusterId, Role};
use crate::members::testing::{TestMember, process_of};
use crate::position::Position;
use crate::request::{
    Allowance, Ask, Begin, CommitRefusal, Executor, OpenTransaction, Refusal, Reply, RequestId, Stamp, Step,
    WriteRequest, Written,
};
use crate::rpc::hello::{self, Identity};
use crate::rpc::identity::Transport;
use crate::statement::{Outcome, Rows, Session, Statement};
use crate::value::ValueRef;

mod requests;

pub(crate) use requests::{in_ms, replica_of, stamp, statement, write_of, write_request};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A node that serves the repo `Repo` with a fake.
pub(crate) struct TestNode {
    pub(crate) addr: SocketAddr,
    pub(crate) fake: Arc<Fake>,
    pub(crate) member: TestMember,
    /// What its callers have of it.
    pub(crate) budget: Arc<Budget>,
    /// What its process is called in its hello.
    pub(crate) process: u128,
    pub(crate) shutdown: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl TestNode {
    pub(crate) async fn start(role: Role) -> Self {
        Self::start_with(role, "127.0.0.1:0", LimitSettings::default(), identity("eu")).await
    }

    pub(crate) async fn start_with(
        role: Role,
        listen: &str,
        limits: LimitSettings,
        identity: Identity,
    ) -> Self {
        Self::start_on(Fake::new(), role, listen, limits, identity).await
    }

    /// With the database of another node: replicated, as it were.
    pub(crate) async fn start_on(
        fake: Arc<Fake>,
        role: Role,
        listen: &str,
        limits: LimitSettings,
        identity: Identity,
    ) -> Self {
        let member = TestMember::new(&identity.node, role, None);
        Self::serve(fake, member, listen, limits, identity).await
    }

    pub(crate) async fn serve(
        fake: Arc<Fake>,
        member: TestMember,
        listen: &str,
        limits: LimitSettings,
        identity: Identity,
    ) -> Self {
        Self::serve_by(Transport::Plain, AcceptWrites::All, fake, member, listen, limits, identity).await
    }

    /// A primary that knows its peers by that.
    pub(crate) async fn secured(transport: Transport, limits: LimitSettings, identity: Identity) -> Self {
        let member = TestMember::new(&identity.node, Role::Primary, None);
        let (accept, listen) = (AcceptWrites::All, "127.0.0.1:0");
        Self::serve_by(transport, accept, Fake::new(), member, listen, limits, identity).await
    }

    /// One that takes the writes of those.
    pub(crate) async fn choosy(transport: Transport, accept: AcceptWrites, identity: Identity) -> Self {
        let member = TestMember::new(&identity.node, Role::Primary, None);
        let (limits, listen) = (LimitSettings::default(), "127.0.0.1:0");
        Self::serve_by(transport, accept, Fake::new(), member, listen, limits, identity).await
    }

    async fn serve_by(
        transport: Transport,
        accept: AcceptWrites,
        fake: Arc<Fake>,
        member: TestMember,
        listen: &str,
        limits: LimitSettings,
        identity: Identity,
    ) -> Self {
        let executor = Arc::new(FakePrimary(Arc::clone(&fake)));
        Self::serve_with(transport, accept, (executor, fake), member, listen, limits, identity).await
    }

    /// A primary whose writer is that one.
    pub(crate) async fn with_writer(writer: Arc<dyn Executor>, limits: LimitSettings) -> Self {
        let identity = identity("eu");
        let member = TestMember::new(&identity.node, Role::Primary, None);
        let (accept, writer) = (AcceptWrites::All, (writer, Fake::new()));
        Self::serve_with(Transport::Plain, accept, writer, member, "127.0.0.1:0", limits, identity).await
    }

    async fn serve_with(
        transport: Transport,
        accept: AcceptWrites,
        (executor, fake): (Arc<dyn Executor>, Arc<Fake>),
        member: TestMember,
        listen: &str,
        limits: LimitSettings,
        identity: Identity,
    ) -> Self {
        let listener: TcpListener = bind(listen.parse().unwrap(), &transport).await.unwrap();
        let (addr, process) = (listener.local_addr().unwrap(), identity.process);
        let shutdown = CancellationToken::new();
        let repos = HashMap::from([("Repo".to_owned(), executor)]);
        let (identity, members) = (Arc::new(identity), Arc::clone(&member.members));
        let names = Arc::new(|node: &str| vec![node.to_owned()]);
        let (budget, refused) = (Budget::new(&limits), Arc::<Refused>::default());
        let services = Services {
            identity,
            repos,
            members,
            transport,
            names,
            accept,
            limits,
            budget: Arc::clone(&budget),
            refused,
        };
        let task = Some(tokio::spawn(run(listener, Arc::new(services), shutdown.clone())));
        Self { addr, fake, member, budget, process, shutdown, task }
    }

    pub(crate) fn set_role(&self, role: Role) {
        self.member.set_role(role);
    }

    /// Shuts it down, and returns when nothing of it runs any more.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(task) = self.task.take() {
            tokio::time::timeout(PATIENCE, task).await.expect("the server ends").unwrap();
        }
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

pub(crate) fn identity(cluster: &str) -> Identity {
    static NODES: AtomicU64 = AtomicU64::new(1);
    let node = format!("node-{}", NODES.fetch_add(1, Ordering::Relaxed));
    Identity {
        application: "shop".into(),
        cluster: cluster.into(),
        process: process_of(&node),
        node,
        repos: BTreeSet::from(["Repo".into()]),
        protocol: hello::PROTOCOL,
        litefs: ClusterId::fixed(Some("LFSC0123456789ABCDEF")),
    }
}
