//! A router on one node, served nodes on real connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::{NotVisible, Peers, PeersConfig, Resolver, Router, RouterParts, Visibility};
use crate::config::{Config, LimitSettings, LostWrite, RepoConfig};
use crate::error::{Error, NotExecuted};
use crate::ledger::Recall;
use crate::litefs::Role;
use crate::members::NotReplicated;
use crate::members::testing::TestMember;
use crate::position::Position;
use crate::request::{Ack, Begin, CommitFailure, Primary, RequestId, Sizes, Terms, Transaction, Written};
use crate::rpc::identity::Transport;
use crate::rpc::wire::MAX_FRAME;
use crate::server::testing::*;
use crate::statement::Session;

mod finding;
mod identity;
mod idle;
mod levels;
mod lost;
mod mesh;
mod migrations;
mod settling;
mod sizes;
mod transactions;

/// The node that asks: a router, and what it was given.
struct Asking {
    router: Router,
    peers: Arc<Peers>,
    local: Arc<Fake>,
    member: TestMember,
    sees: Arc<Sees>,
}

/// What this node sees of the writes: what was waited for, and how the next waits end when not well.
#[derive(Default)]
struct Sees {
    waited: Mutex<Vec<Position>>,
    ends: Mutex<Vec<NotVisible>>,
    /// What the application was told to be lost.
    lost: Mutex<Vec<LostWrite>>,
    /// Waits do not end while it is set.
    hold: Arc<AtomicBool>,
    /// Whether every node has whatever was written.
    everywhere: AtomicBool,
    /// Who has a write when not enough have it; and the level and time of each time that was asked.
    short: Mutex<Option<NotReplicated>>,
    counted: Mutex<Vec<Terms>>,
    /// Why no write of a level above `Visible` may begin.
    refused: Mutex<Option<NotExecuted>>,
    /// What its own ledger says.
    recalled: Mutex<Option<Recall>>,
}

impl Visibility for Sees {
    fn wait(&self, position: Position, _: u64, _: Instant) -> BoxFuture<'static, Result<(), NotVisible>> {
        self.waited.lock().push(position);
        let (end, hold) = (self.ends.lock().pop().map_or(Ok(()), Err), Arc::clone(&self.hold));
        async move {
            while hold.load(std::sync::atomic::Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            end
        }
        .boxed()
    }

    fn admits(&self, ack: Ack) -> Result<(), NotExecuted> {
        let refused = self.refused.lock().clone();
        refused.filter(|_| !matches!(ack, Ack::Committed | Ack::Visible)).map_or(Ok(()), Err)
    }

    fn replicated(
        &self,
        _: Position,
        _: Option<String>,
        _: u64,
        terms: Terms,
    ) -> BoxFuture<'static, Result<(), NotReplicated>> {
        self.counted.lock().push(terms);
        futures::future::ready(self.short.lock().clone().map_or(Ok(()), Err)).boxed()
    }

    fn is_everywhere(&self, _: Position) -> bool {
        self.everywhere.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn recall(&self, ids: Vec<RequestId>, _: Instant) -> BoxFuture<'static, Option<Vec<Recall>>> {
        let recalled = self.recalled.lock().map(|recalled| vec![recalled; ids.len()]);
        futures::future::ready(recalled).boxed()
    }
}

impl Asking {
    fn start(role: Role, nodes: &[(&str, &TestNode)]) -> Self {
        let table = nodes.iter().map(|(name, node)| ((*name).to_owned(), node.addr.to_string())).collect();
        Self::start_on(Handle::current(), role, table)
    }

    fn start_on(runtime: Handle, role: Role, table: BTreeMap<String, String>) -> Self {
        Self::start_with(runtime, role, table, |config| config)
    }

    /// One that knows its peers by that.
    fn secured(transport: Transport, nodes: &[(&str, &TestNode)]) -> Self {
        let table = nodes.iter().map(|(name, node)| ((*name).to_owned(), node.addr.to_string())).collect();
        Self::start_by(transport, Handle::current(), replica_of(nodes[0].0), table, |config| config)
    }

    fn start_with(
        runtime: Handle,
        role: Role,
        table: BTreeMap<String, String>,
        set_up: impl FnOnce(Config) -> Config,
    ) -> Self {
        Self::start_by(Transport::Plain, runtime, role, table, set_up)
    }

    fn start_by(
        transport: Transport,
        runtime: Handle,
        role: Role,
        table: BTreeMap<String, String>,
        set_up: impl FnOnce(Config) -> Config,
    ) -> Self {
        let identity = identity("eu");
        let member = TestMember::new(&identity.node, role, None);
        let peers = Peers::new(PeersConfig {
            resolver: Resolver::new(table, None).unwrap(),
            transport,
            identity: Arc::new(identity),
            members: Arc::clone(&member.members),
            max_frame: MAX_FRAME,
            sizes: SIZES,
            runtime,
        });
        let local = Fake::new();
        let sees = Arc::<Sees>::default();
        let config = Config::temporary().on_lost({
            let lost = Arc::clone(&sees);
            move |write| lost.lost.lock().push(write.clone())
        });
        let settings = set_up(config).resolve().unwrap().repos["Repo"].clone();
        let router = Router::new(RouterParts {
            repo: "Repo".into(),
            local: Arc::new(FakePrimary(Arc::clone(&local))),
            roles: member.roles.subscribe(),
            peers: Arc::clone(&peers),
            visibility: Arc::clone(&sees) as _,
            process: 7,
            lost: settings.lost,
            keep: settings.ledger_keep,
        });
        Self { router, peers, local, member, sees }
    }

    fn set_role(&self, role: Role) {
        self.member.set_role(role);
    }

    async fn write(&self, sql: &str) -> Result<Written, Error> {
        self.write_within(sql, 20_000).await
    }

    async fn write_within(&self, sql: &str, ms: u64) -> Result<Written, Error> {
        self.router.write(write_of(sql), within(ms)).await
    }

    /// Waits until an attempt to connect to that host has failed.
    async fn attempted(&self, hostname: &str) {
        let peer = self.peers.get(hostname).unwrap();
        let untried = peer.why();
        let failed = async {
            while peer.why() == untried {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, failed).await.unwrap();
    }

    async fn begin(&self) -> Box<dyn Transaction> {
        self.router
            .begin(Begin::Immediate, Session::default(), within(20_000))
            .await
            .map_err(|e| e.to_string())
            .unwrap()
    }
}

fn within(ms: u64) -> Terms {
    Terms { deadline: in_ms(ms), ack: Ack::Visible }
}

#[tokio::test]
async fn a_write_runs_on_the_primary_and_returns_when_it_is_visible_here() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let written = asking.write("INSERT").await.unwrap();
    assert_eq!(*asking.sees.waited.lock(), [written.position]);
    assert_eq!((primary.fake.log(), asking.local.log()), (vec!["INSERT".to_owned()], vec![]));
    let terms = Terms { ack: Ack::Committed, ..within(20_000) };
    asking.router.write(write_of("INSERT"), terms).await.unwrap();
    assert_eq!(asking.sees.waited.lock().len(), 1, "a committed write waited");
}

#[tokio::test]
async fn a_write_that_does_not_become_visible_keeps_what_it_returned() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    asking.sees.ends.lock().push(NotVisible::Yet);
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(matches!(error, Error::CommittedNotVisible { .. }), "{error}");
    assert_eq!(error.value::<Written>().map(|written| written.position), error.position());
}

#[tokio::test]
async fn what_the_primary_said_is_what_the_caller_gets() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let rejected = asking.write("reject").await.unwrap_err();
    let local = diesel::result::Error::from(unique());
    assert!(matches!(&rejected, Error::Rejected(error) if *error == local), "{rejected}");
    let overloaded = asking.write("overload").await.unwrap_err();
    assert!(matches!(overloaded, Error::NotExecuted(NotExecuted::Overloaded(_))), "{overloaded}");
    let expired = asking.write_within("expire", 800).await.unwrap_err();
    assert!(matches!(expired, Error::NotExecuted(NotExecuted::Expired)), "{expired}");
    let read = asking.router.read(statement("SELECT"), within(20_000)).await.unwrap();
    assert_eq!(read.count, 42);
}

#[tokio::test]
async fn while_this_node_is_primary_nothing_goes_over_the_network() {
    let asking = Asking::start(Role::Primary, &[]);
    asking.write("INSERT").await.unwrap();
    assert!(asking.sees.waited.lock().is_empty(), "the local writer waits for itself");
    let mut transaction = asking.begin().await;
    transaction.run(statement("UPDATE"), in_ms(20_000)).await.unwrap();
    assert_eq!(asking.local.log(), ["INSERT", "begin", "UPDATE"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_callers_share_the_connection() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let writes = (0..500).map(|_| tokio::spawn(asking.router.write(write_of("fast"), within(20_000))));
    for written in futures::future::join_all(writes).await {
        written.unwrap().unwrap();
    }
    assert_eq!(asking.sees.waited.lock().len(), 500);
}

#[tokio::test]
async fn a_dropped_write_is_dropped_where_it_runs() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    tokio::select! {
        _ = asking.write("hang") => panic!("nobody answers"),
        () = primary.fake.logged("running hang") => {}
    }
    primary.fake.logged("dropped hang").await;
}

#[tokio::test]
async fn a_write_without_an_answer_by_its_deadline_is_unknown() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let start = Instant::now();
    let error = asking.write_within("hang", 200).await.unwrap_err();
    assert!(matches!(&error, Error::Unknown { why } if why.starts_with("a: ")), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    primary.fake.logged("dropped hang").await;
}

#[tokio::test]
async fn a_read_whose_connection_is_lost_is_asked_again() {
    let limits = LimitSettings { drain: Duration::from_millis(10), ..LimitSettings::default() };
    let mut primary = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let fake = Arc::clone(&primary.fake);
    let read = asking.router.read(statement("wait"), within(20_000));
    let (read, _again) = tokio::join!(read, async {
        fake.logged("running wait").await;
        primary.stop().await;
        let listen = primary.addr.to_string();
        let again =
            TestNode::start_with(Role::Primary, &listen, LimitSettings::default(), identity("eu")).await;
        again.fake.permits.add_permits(1);
        again
    });
    assert_eq!(read.unwrap().count, 42);
    let timeout = asking.router.read(statement("hang"), within(200)).await.unwrap_err();
    assert!(matches!(timeout, Error::ReadTimeout { .. }), "{timeout}");
}

/// Three binds, and else what a frame takes.
const SIZES: Sizes = Sizes { statement_bytes: usize::MAX, binds: 3, bind_bytes: usize::MAX };

#[test]
fn a_write_may_be_polled_outside_the_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let primary = runtime.block_on(TestNode::start(Role::Primary));
    let table = BTreeMap::from([("a".to_owned(), primary.addr.to_string())]);
    let asking = Asking::start_on(runtime.handle().clone(), replica_of("a"), table);
    pollster::block_on(asking.write("INSERT")).unwrap();
    let mut transaction = pollster::block_on(asking.begin());
    pollster::block_on(transaction.run(statement("UPDATE"), in_ms(20_000))).unwrap();
    drop(transaction);
    runtime.block_on(primary.fake.logged("rollback"));
}

#[tokio::test]
async fn shutdown_closes_the_connections_and_later_writes_are_not_executed() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    asking.write("INSERT").await.unwrap();
    tokio::time::timeout(PATIENCE, asking.peers.shutdown()).await.unwrap();
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(matches!(error, Error::NotExecuted(NotExecuted::ShuttingDown)), "{error}");
}

#[test]
fn a_write_after_the_runtime_is_gone_is_an_error_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let primary = runtime.block_on(TestNode::start(Role::Primary));
    let table = BTreeMap::from([("a".to_owned(), primary.addr.to_string())]);
    let asking = Asking::start_on(runtime.handle().clone(), replica_of("a"), table);
    let transaction = pollster::block_on(asking.begin());
    runtime.block_on(asking.peers.shutdown());
    drop(runtime);
    for role in [replica_of("a"), Role::NoLeader] {
        asking.set_role(role);
        let error = pollster::block_on(asking.write("INSERT")).unwrap_err();
        assert!(matches!(error, Error::NotExecuted(NotExecuted::ShuttingDown)), "{error}");
    }
    let Err(CommitFailure::Ended(error)) = pollster::block_on(transaction.commit(within(20_000))) else {
        panic!("it is gone")
    };
    assert!(matches!(error, Error::NotExecuted(NotExecuted::TransactionEnded(_))), "{error}");
}

/// What one connection carries: run it with `--release -- --ignored measured_`.
#[test]
#[ignore = "measures: wants a release build and a quiet machine"]
fn measured_fifteen_thousand_writes_a_second_are_forwarded_for_512_callers() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (here, there) = (runtime(), runtime());
    let primary = there.block_on(TestNode::start(Role::Primary));
    let table = BTreeMap::from([("a".to_owned(), primary.addr.to_string())]);
    let asking = Asking::start_on(here.handle().clone(), replica_of("a"), table);
    let rate = |callers: usize, each: usize| {
        let start = Instant::now();
        here.block_on(async {
            let calls = (0..callers).map(|_| async {
                for _ in 0..each {
                    asking.write("fast").await.unwrap();
                }
            });
            futures::future::join_all(calls).await;
        });
        (callers * each) as f64 / start.elapsed().as_secs_f64()
    };
    rate(1, 1000);
    let rates: Vec<String> = [(1, 20_000), (64, 2000), (512, 400)]
        .map(|(callers, each)| format!("{callers} callers: {:.0}/s", rate(callers, each)))
        .to_vec();
    let at_512 = rate(512, 400);
    assert!(at_512 > 15_000.0, "{rates:?}, again at 512: {at_512:.0}/s");
}
