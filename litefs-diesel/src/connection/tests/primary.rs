//! A real primary, as small as can be: one thread, one `SqliteConnection`, no group commit.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::error::{DatabaseError, Error, NotExecuted};
use crate::request::{
    Begin, CommitFailure, Primary, Reply, SessionUse, Step, Terms, Transaction, Work, Write, Written,
};
use crate::statement::execute::execute;
use crate::statement::{Outcome, Session, Statement};

/// How a write or a commit ends, when not well.
pub(super) enum End {
    /// Nothing runs.
    Instead(Error),
    /// It is committed, and this is made of what it gave.
    After(fn(Written) -> Error),
}

type Job = Box<dyn FnOnce(&mut SqliteConnection) + Send>;

pub(super) struct TestPrimary {
    jobs: Sender<Job>,
    /// Each write request as it came.
    pub(super) seen: Mutex<Vec<Write>>,
    /// The next step of a transaction ends it, as when the way to the primary is lost.
    pub(super) lose_next_step: std::sync::Arc<std::sync::atomic::AtomicBool>,
    /// How the next write or commit ends.
    pub(super) next_end: std::sync::Arc<Mutex<Option<End>>>,
}

impl TestPrimary {
    pub(super) fn start(mut conn: SqliteConnection) -> Self {
        let (jobs, queue) = channel::<Job>();
        std::thread::spawn(move || {
            conn.batch_execute("CREATE TEMP TABLE seed (id INTEGER PRIMARY KEY)").unwrap();
            while let Ok(job) = queue.recv() {
                job(&mut conn);
            }
        });
        Self {
            jobs,
            seen: Mutex::default(),
            lose_next_step: Default::default(),
            next_end: Default::default(),
        }
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut SqliteConnection) -> T + Send + 'static,
    ) -> BoxFuture<'static, T> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.send(Box::new(move |conn| drop(reply.send(job(conn)))));
        async move {
            sent.expect("the primary's thread has ended");
            // As the real one: with a timer, which needs the node's runtime to be entered.
            let answer = tokio::time::timeout(std::time::Duration::from_secs(20), answer).await;
            answer.expect("the primary hangs").expect("the primary's thread has ended")
        }
        .boxed()
    }

    /// The texts of all write requests.
    pub(super) fn texts(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .flat_map(|write| write.statements().iter().map(|statement| statement.sql.clone()))
            .collect()
    }
}

impl Primary for TestPrimary {
    fn write(&self, asked: Write, _: Terms) -> BoxFuture<'static, Result<Written, Error>> {
        self.seen.lock().unwrap().push(asked.clone());
        let end = self.next_end.lock().unwrap().take();
        self.run(move |conn| match end {
            Some(End::Instead(error)) => Err(error),
            Some(End::After(end)) => Err(end(write(conn, &asked).map_err(Error::Rejected)?)),
            None => write(conn, &asked).map_err(Error::Rejected),
        })
    }

    fn read(&self, statement: Statement, _: Terms) -> BoxFuture<'static, Result<Outcome, Error>> {
        self.run(move |conn| execute(conn, &statement).map_err(Error::Read))
    }

    fn begin(
        &self,
        begin: Begin,
        session: Session,
        _: Terms,
    ) -> BoxFuture<'static, Result<Box<dyn Transaction>, Error>> {
        let (steps, orders) = channel();
        let (opened, open) = oneshot::channel();
        let lose = std::sync::Arc::clone(&self.lose_next_step);
        let end = std::sync::Arc::clone(&self.next_end);
        let running = self.run(move |conn| {
            let begin = if begin == Begin::Exclusive { "BEGIN EXCLUSIVE" } else { "BEGIN IMMEDIATE" };
            let result = conn.batch_execute(begin).and_then(|()| seed(conn, session));
            let is_open = result.is_ok();
            let _ = opened.send(result);
            if is_open {
                serve(conn, &orders);
            }
        });
        async move {
            drop(running);
            open.await.expect("the primary's thread has ended").map_err(Error::Rejected)?;
            Ok(Box::new(Remote { steps, lose, end }) as Box<dyn Transaction>)
        }
        .boxed()
    }
}

fn write(conn: &mut SqliteConnection, request: &Write) -> QueryResult<Written> {
    if let Work::Migrate(plan) = &request.work {
        let ended = crate::migrate::apply(conn, plan, &mut |_: &crate::migrate::Step| {});
        let reply = Some(Reply::of_plan(ended.as_deref()));
        return Ok(Written { reply, ..Written::default() });
    }
    if request.alone {
        let outcomes = request.statements().iter().map(|statement| execute(conn, statement));
        let outcomes = outcomes.collect::<QueryResult<_>>()?;
        return Ok(Written { outcomes, session: session(conn), ..Written::default() });
    }
    conn.batch_execute("BEGIN IMMEDIATE")?;
    let run = |conn: &mut SqliteConnection| {
        if let Some(session) = request.session.brought() {
            seed(conn, session)?;
        }
        let outcomes = request.statements().iter().map(|statement| execute(conn, statement));
        let outcomes = outcomes.collect::<QueryResult<_>>()?;
        // As the writer: nobody is told what he did not ask for.
        let session = match request.session {
            SessionUse::None => Session::default(),
            _ => session(conn),
        };
        conn.batch_execute("COMMIT")?;
        Ok(Written { outcomes, session, ..Written::default() })
    };
    run(conn).inspect_err(|_| drop(conn.batch_execute("ROLLBACK")))
}

/// What the caller's connection holds.
fn seed(conn: &mut SqliteConnection, session: Session) -> QueryResult<()> {
    let rowid = session.last_insert_rowid;
    conn.batch_execute(&format!("INSERT INTO temp.seed VALUES ({rowid}); DELETE FROM temp.seed"))
}

fn session(conn: &mut SqliteConnection) -> Session {
    let ask = diesel::dsl::sql::<(BigInt, BigInt)>("last_insert_rowid(), changes()");
    let (last_insert_rowid, changes) = diesel::select(ask).get_result(conn).unwrap();
    Session { last_insert_rowid, changes }
}

enum Order {
    Run(Statement, oneshot::Sender<Step>),
    Commit(oneshot::Sender<Result<Session, (DatabaseError, bool)>>),
    Rollback(oneshot::Sender<Session>),
}

fn is_open(conn: &mut SqliteConnection) -> bool {
    let began = conn.batch_execute("BEGIN").is_ok();
    if began {
        conn.batch_execute("ROLLBACK").unwrap();
    }
    !began
}

/// One transaction, until it ends or nobody holds it any more.
fn serve(conn: &mut SqliteConnection, orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Run(statement, reply) => {
                let result = execute(conn, &statement).map_err(DatabaseError::from);
                let session = session(conn);
                let open = is_open(conn);
                let _ = reply.send(Step { result, session, open });
                if !open {
                    return;
                }
            }
            Order::Commit(reply) => {
                let session = session(conn);
                let result = conn.batch_execute("COMMIT");
                let open = is_open(conn);
                let _ = reply.send(result.map(|()| session).map_err(|error| (error.into(), open)));
                if !open {
                    return;
                }
            }
            Order::Rollback(reply) => {
                conn.batch_execute("ROLLBACK").unwrap();
                let _ = reply.send(session(conn));
                return;
            }
        }
    }
    conn.batch_execute("ROLLBACK").unwrap();
}

struct Remote {
    steps: Sender<Order>,
    lose: std::sync::Arc<std::sync::atomic::AtomicBool>,
    end: std::sync::Arc<Mutex<Option<End>>>,
}

fn lost() -> Error {
    Error::NotExecuted(NotExecuted::TransactionEnded("the connection to the primary was lost".into()))
}

impl Remote {
    fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        let _ = self.steps.send(order(reply));
        answer
    }
}

impl Transaction for Remote {
    fn run(&mut self, statement: Statement, _: Instant) -> BoxFuture<'_, Result<Step, Error>> {
        if self.lose.swap(false, std::sync::atomic::Ordering::SeqCst) {
            self.steps = channel().0;
        }
        let answer = self.order(|reply| Order::Run(statement, reply));
        async move { answer.await.map_err(|_| lost()) }.boxed()
    }

    fn commit(self: Box<Self>, _: Terms) -> BoxFuture<'static, Result<Written, CommitFailure>> {
        let after = match self.end.lock().unwrap().take() {
            Some(End::Instead(error)) => {
                return futures::future::ready(Err(CommitFailure::Ended(error))).boxed();
            }
            Some(End::After(end)) => Some(end),
            None => None,
        };
        let answer = self.order(Order::Commit);
        async move {
            match answer.await {
                Ok(Ok(session)) => {
                    let written = Written { session, ..Written::default() };
                    after.map_or(Ok(written.clone()), |end| Err(CommitFailure::Ended(end(written))))
                }
                Ok(Err((said, true))) => Err(CommitFailure::StillOpen(self, said)),
                Ok(Err((said, false))) => Err(CommitFailure::Ended(Error::Rejected(said.into()))),
                Err(_) => Err(CommitFailure::Ended(lost())),
            }
        }
        .boxed()
    }

    fn rollback(self: Box<Self>, _: Instant) -> BoxFuture<'static, Result<Session, Error>> {
        let answer = self.order(Order::Rollback);
        async move { answer.await.map_err(|_| lost()) }.boxed()
    }
}
