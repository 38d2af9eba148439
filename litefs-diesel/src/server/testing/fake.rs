//! A writer in memory that does what the statement's text says.

use super::*;

/// A writer in memory. What it runs, and what is dropped while it runs, is in its log.
pub(crate) struct Fake {
    log: watch::Sender<Vec<String>>,
    txid: AtomicU64,
    /// It says that this node is not primary, whatever the role says.
    pub(crate) demoted: AtomicBool,
    /// `wait` takes one permit.
    pub(crate) permits: Semaphore,
    /// What the next attempts at a write are told, before anything else is looked at; and how many
    /// answers after that are lost on their way.
    pub(crate) refusals: Mutex<Vec<Refusal>>,
    pub(crate) lose_answers: AtomicU64,
    /// Each write is a procedure's, which gives its own error.
    pub(crate) errs: AtomicBool,
    /// The stamps of the attempts at writes.
    pub(crate) stamps: Mutex<Vec<Stamp>>,
    /// What was done under which id; `None` for what was ended and never runs.
    done: Mutex<HashMap<RequestId, Option<Written>>>,
    /// The clients that registered with the ticket 7; everybody counts as one of them until one is
    /// forgotten.
    clients: Mutex<Option<BTreeSet<u128>>>,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        let (log, permits) = (watch::channel(Vec::new()).0, Semaphore::new(0));
        let (txid, demoted, errs, done, clients, refusals, lose_answers, stamps) = Default::default();
        Arc::new(Self { log, txid, demoted, errs, permits, done, clients, refusals, lose_answers, stamps })
    }

    /// From now on clients must register.
    pub(crate) fn forget_clients(&self) {
        *self.clients.lock() = Some(BTreeSet::new());
    }

    fn knows(&self, id: RequestId) -> Result<(), Refusal> {
        match &*self.clients.lock() {
            Some(clients) if !clients.contains(&id.client) => Err(Refusal::UnknownClient { ticket: 7 }),
            _ => Ok(()),
        }
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
        Written { outcomes: vec![Outcome { count: 1, rows: None }], position, ..Written::default() }
    }

    async fn obey(self: &Arc<Self>, sql: &str, deadline: Instant) -> Result<(), Refusal> {
        let dropped = NoteDrop(Arc::clone(self), format!("dropped {sql}"));
        match sql {
            _ if self.demoted.load(Ordering::Relaxed) => {
                std::mem::forget(dropped);
                return Err(Refusal::NotPrimary { hint: None });
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
                return Err(Refusal::Expired);
            }
            "reject" => return Err(Refusal::Rejected(unique())),
            "no leader" => return Err(Refusal::NotPrimary { hint: None }),
            "overload" => return Err(Refusal::Overloaded(full())),
            "commit fails" => return Err(Refusal::Unknown("the disk broke".into())),
            "fast" | "large" => {}
            other => self.note(other),
        }
        std::mem::forget(dropped);
        Ok(())
    }
}

/// What it says to be full.
pub(crate) fn full() -> Bound {
    Bound::new("queue_length", 1024)
}

pub(crate) fn unique() -> DatabaseError {
    DatabaseError { kind: ErrorKind::Unique, message: "UNIQUE constraint failed: users.name".into() }
}

/// 4 MiB in one row.
fn large() -> Rows {
    let values = [ValueRef::Blob(&[7; 4 << 20])].into_iter().collect();
    Rows { columns: vec!["blob".into()], count: 1, values }
}

struct NoteDrop(Arc<Fake>, String);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        self.0.note(std::mem::take(&mut self.1));
    }
}

/// The fake as the trait wants it: its futures outlive the call.
pub(crate) struct FakePrimary(pub(crate) Arc<Fake>);

impl Executor for FakePrimary {
    fn write(
        &self,
        WriteRequest { stamp, ask }: WriteRequest,
        Allowance { deadline, .. }: Allowance,
    ) -> BoxFuture<'static, Result<Written, Refusal>> {
        let fake = Arc::clone(&self.0);
        async move {
            if let Ask::Register { ticket: 7 } = ask {
                fake.note("registered");
                fake.clients.lock().get_or_insert_default().insert(stamp.id.client);
                return Ok(Written::default());
            }
            fake.stamps.lock().push(stamp);
            if let Some(refusal) = fake.refusals.lock().pop() {
                return Err(refusal);
            }
            fake.knows(stamp.id)?;
            let known = fake.done.lock().get(&stamp.id).cloned();
            match (known, ask) {
                (Some(Some(written)), _) => {
                    fake.note("found");
                    return Ok(written);
                }
                (Some(None), Ask::Run(_)) => return Err(Refusal::Absent),
                (_, Ask::Run(write)) => fake.obey(write.text(), deadline).await?,
                (_, Ask::Settle) => {
                    fake.done.lock().insert(stamp.id, None);
                    fake.note("settled");
                    return Err(Refusal::Absent);
                }
                (_, Ask::Look | Ask::Register { .. }) => return Err(Refusal::Absent),
            }
            if fake.errs.load(Ordering::Relaxed) {
                return Ok(Written { reply: Some(Reply::Err(vec![])), ..Written::default() });
            }
            let written = fake.written();
            fake.done.lock().insert(stamp.id, Some(written.clone()));
            let loses = |left: u64| left.checked_sub(1);
            if fake.lose_answers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, loses).is_ok() {
                return Err(Refusal::Unknown("the answer was lost".into()));
            }
            Ok(written)
        }
        .boxed()
    }

    fn read(
        &self,
        statement: Statement,
        Allowance { deadline, .. }: Allowance,
    ) -> BoxFuture<'static, Result<Outcome, Refusal>> {
        let fake = Arc::clone(&self.0);
        async move {
            fake.obey(&statement.sql, deadline).await?;
            let rows = (statement.sql == "large").then(large);
            Ok(Outcome { count: 42, rows })
        }
        .boxed()
    }

    fn begin(
        &self,
        id: RequestId,
        _: Begin,
        session: Session,
        Allowance { deadline, .. }: Allowance,
    ) -> BoxFuture<'static, Result<Box<dyn OpenTransaction>, Refusal>> {
        let fake = Arc::clone(&self.0);
        async move {
            fake.knows(id)?;
            // What the caller's session says is the only text there is.
            fake.obey(if session.changes == -1 { "wait" } else { "begin" }, deadline).await?;
            let transaction = FakeTransaction { fake, session, ended: false, deferred: false };
            Ok(Box::new(transaction) as Box<dyn OpenTransaction>)
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

impl OpenTransaction for FakeTransaction {
    fn run(&mut self, statement: Statement, allowance: Allowance) -> BoxFuture<'_, Result<Step, Refusal>> {
        async move {
            self.fake.obey(&statement.sql, allowance.deadline).await?;
            self.session.changes += 1;
            self.deferred |= statement.sql == "defer";
            self.ended = statement.sql == "end";
            let result =
                if statement.sql == "refuse" { Err(unique()) } else { Ok(Outcome { count: 1, rows: None }) };
            Ok(Step { result, session: self.session, open: !self.ended })
        }
        .boxed()
    }

    fn commit(
        mut self: Box<Self>,
        stamp: Stamp,
        _: Instant,
    ) -> BoxFuture<'static, Result<Written, CommitRefusal>> {
        async move {
            if std::mem::take(&mut self.deferred) {
                return Err(CommitRefusal::StillOpen(self, unique()));
            }
            if self.session.changes == 100 {
                self.fake.note("committing");
                std::future::pending::<()>().await;
            }
            self.ended = true;
            self.fake.note("commit");
            let written = self.fake.written();
            if self.session.changes != 300 {
                self.fake.done.lock().insert(stamp.id, Some(written.clone())); // else a failover drops it
            }
            if self.session.changes == 400 {
                let (position, why) = (written.position, "no room for the answer".into());
                return Err(CommitRefusal::Ended(Refusal::NotDecoded { position, why }));
            }
            if self.session.changes == 200 {
                // Committed, and the answer is lost.
                return Err(CommitRefusal::Ended(Refusal::Unknown("the disk broke".into())));
            }
            Ok(written)
        }
        .boxed()
    }

    fn rollback(mut self: Box<Self>, _: Instant) -> BoxFuture<'static, Result<Session, Refusal>> {
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
