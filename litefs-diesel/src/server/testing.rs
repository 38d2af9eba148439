//! A served node for tests: a real listener, and a writer in memory that does what the statement's
//! text says.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Limits, Reports, Services, bind, run};
use crate::error::{DatabaseError, Error, ErrorKind, NotExecuted};
use crate::litefs::Role;
use crate::position::Position;
use crate::request::{
    Begin, CommitFailure, Primary, RequestId, SessionUse, Step, Terms, Transaction, WriteRequest, Written,
};
use crate::rpc::control::View;
use crate::rpc::hello::{self, Identity};
use crate::statement::{Outcome, Session, Statement, Want};
use crate::value::{ValueRef, Values};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A writer in memory. What it runs, and what is dropped while it runs, is in its log.
pub(crate) struct Fake {
    log: watch::Sender<Vec<String>>,
    txid: AtomicU64,
    /// It says that this node is not primary, whatever the role says.
    pub(crate) demoted: AtomicBool,
    /// `wait` takes one permit.
    pub(crate) permits: Semaphore,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        let (log, txid) = (watch::channel(Vec::new()).0, AtomicU64::new(0));
        Arc::new(Self { log, txid, demoted: AtomicBool::new(false), permits: Semaphore::new(0) })
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Waits until that is in the log.
    pub(crate) async fn logged(&self, line: &str) {
        let mut log = self.log.subscribe();
        let found = log.wait_for(|log| log.iter().any(|logged| logged == line));
        let found = tokio::time::timeout(PATIENCE, found).await.map(|_| ());
        assert!(found.is_ok(), "`{line}` is not in {:?}", self.log());
    }

    fn note(&self, line: impl Into<String>) {
        self.log.send_modify(|log| log.push(line.into()));
    }

    fn written(&self) -> Written {
        let txid = self.txid.fetch_add(1, Ordering::Relaxed) + 1;
        let position = Position { txid, checksum: txid };
        Written { outcomes: vec![Outcome { count: 1, rows: None }], session: Session::default(), position }
    }

    async fn obey(self: &Arc<Self>, sql: &str, deadline: Instant) -> Result<(), Error> {
        let dropped = NoteDrop(Arc::clone(self), format!("dropped {sql}"));
        match sql {
            _ if self.demoted.load(Ordering::Relaxed) => {
                std::mem::forget(dropped);
                return Err(Error::NotExecuted(NotExecuted::NoLeader));
            }
            "hang" => {
                self.note("running hang");
                std::future::pending::<()>().await;
            }
            "wait" => {
                self.note("running wait");
                self.permits.acquire().await.unwrap().forget();
            }
            "expire" => {
                tokio::time::sleep_until(deadline.into()).await;
                std::mem::forget(dropped);
                return Err(Error::NotExecuted(NotExecuted::Expired));
            }
            "reject" => return Err(Error::Rejected(unique().into())),
            "no leader" => return Err(Error::NotExecuted(NotExecuted::NoLeader)),
            "overload" => return Err(Error::NotExecuted(NotExecuted::Overloaded)),
            "fast" => {}
            other => self.note(other),
        }
        std::mem::forget(dropped);
        Ok(())
    }
}

pub(crate) fn unique() -> DatabaseError {
    DatabaseError { kind: ErrorKind::Unique, message: "UNIQUE constraint failed: users.name".into() }
}

struct NoteDrop(Arc<Fake>, String);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        self.0.note(std::mem::take(&mut self.1));
    }
}

/// The fake as the trait wants it: its futures outlive the call.
pub(crate) struct FakePrimary(pub(crate) Arc<Fake>);

impl Primary for FakePrimary {
    fn write(&self, request: WriteRequest, terms: Terms) -> BoxFuture<'static, Result<Written, Error>> {
        let fake = Arc::clone(&self.0);
        async move {
            fake.obey(&request.statements[0].sql, terms.deadline).await?;
            Ok(fake.written())
        }
        .boxed()
    }

    fn read(&self, statement: Statement, terms: Terms) -> BoxFuture<'static, Result<Outcome, Error>> {
        let fake = Arc::clone(&self.0);
        async move {
            fake.obey(&statement.sql, terms.deadline).await?;
            Ok(Outcome { count: 42, rows: None })
        }
        .boxed()
    }

    fn begin(
        &self,
        _: Begin,
        session: Session,
        terms: Terms,
    ) -> BoxFuture<'static, Result<Box<dyn Transaction>, Error>> {
        let fake = Arc::clone(&self.0);
        async move {
            // What the caller's session says is the only text there is.
            fake.obey(if session.changes == -1 { "wait" } else { "begin" }, terms.deadline).await?;
            let transaction = FakeTransaction { fake, session, ended: false, deferred: false };
            Ok(Box::new(transaction) as Box<dyn Transaction>)
        }
        .boxed()
    }
}

struct FakeTransaction {
    fake: Arc<Fake>,
    session: Session,
    ended: bool,
    /// The next commit is refused.
    deferred: bool,
}

impl Transaction for FakeTransaction {
    fn run(&mut self, statement: Statement, deadline: Instant) -> BoxFuture<'_, Result<Step, Error>> {
        async move {
            self.fake.obey(&statement.sql, deadline).await?;
            self.session.changes += 1;
            self.deferred |= statement.sql == "defer";
            self.ended = statement.sql == "end";
            let result =
                if statement.sql == "refuse" { Err(unique()) } else { Ok(Outcome { count: 1, rows: None }) };
            Ok(Step { result, session: self.session, open: !self.ended })
        }
        .boxed()
    }

    fn commit(mut self: Box<Self>, _: Terms) -> BoxFuture<'static, Result<Written, CommitFailure>> {
        async move {
            if std::mem::take(&mut self.deferred) {
                return Err(CommitFailure::StillOpen(self, unique()));
            }
            if self.session.changes == 100 {
                self.fake.note("committing");
                std::future::pending::<()>().await;
            }
            self.ended = true;
            self.fake.note("commit");
            Ok(self.fake.written())
        }
        .boxed()
    }

    fn rollback(mut self: Box<Self>, _: Instant) -> BoxFuture<'static, Result<Session, Error>> {
        self.ended = true;
        self.fake.note("rollback");
        async move { Ok(self.session) }.boxed()
    }
}

impl Drop for FakeTransaction {
    fn drop(&mut self) {
        if !self.ended {
            self.fake.note("dropped transaction");
        }
    }
}

/// A node that serves the repo `Repo` with a fake.
pub(crate) struct TestNode {
    pub(crate) addr: SocketAddr,
    pub(crate) fake: Arc<Fake>,
    pub(crate) view: watch::Sender<View>,
    pub(crate) reports: Arc<Reports>,
    pub(crate) shutdown: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl TestNode {
    pub(crate) async fn start(role: Role) -> Self {
        Self::start_with(role, "127.0.0.1:0", Limits::default(), identity("eu")).await
    }

    pub(crate) async fn start_with(role: Role, listen: &str, limits: Limits, identity: Identity) -> Self {
        let listener: TcpListener = bind(listen.parse().unwrap()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let fake = Fake::new();
        let view = watch::channel(View { version: 1, role, epoch: 1, ..View::unknown() }).0;
        let reports = Arc::new(Reports::default());
        let shutdown = CancellationToken::new();
        let repos = HashMap::from([(
            "Repo".to_owned(),
            Arc::new(FakePrimary(Arc::clone(&fake))) as Arc<dyn Primary>,
        )]);
        let services = Services {
            identity: Arc::new(identity),
            repos,
            view: view.subscribe(),
            reports: Arc::clone(&reports),
            limits,
        };
        let task = Some(tokio::spawn(run(listener, Arc::new(services), shutdown.clone())));
        Self { addr, fake, view, reports, shutdown, task }
    }

    pub(crate) fn set_role(&self, role: Role) {
        self.view.send_modify(|view| {
            view.role = role;
            view.version += 1;
            view.epoch += 1;
        });
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
    static PROCESSES: AtomicU64 = AtomicU64::new(1);
    let process = u128::from(PROCESSES.fetch_add(1, Ordering::Relaxed));
    Identity {
        application: "shop".into(),
        cluster: cluster.into(),
        node: format!("node-{process}"),
        process,
        repos: BTreeSet::from(["Repo".into()]),
        protocol: hello::PROTOCOL,
    }
}

pub(crate) fn statement(sql: &str) -> Statement {
    let binds: Values = [ValueRef::Integer(1), ValueRef::Text(b"Ada")].into_iter().collect();
    Statement { sql: sql.into(), binds, cacheable: true, want: Want::Count }
}

pub(crate) fn write_request(sql: &str) -> WriteRequest {
    let id = RequestId { client: 1, sequence: 1 };
    WriteRequest { id, statements: vec![statement(sql)], session: SessionUse::None, alone: false }
}

pub(crate) fn replica_of(primary: &str) -> Role {
    Role::Replica { primary: primary.into() }
}

pub(crate) fn in_ms(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}
