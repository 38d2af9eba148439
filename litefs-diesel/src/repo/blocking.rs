//! Blocking Diesel code: a connection, and closures that get one off the executor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use diesel::Connection;
use diesel::result::Error as DieselError;
use futures::future::BoxFuture;

use super::RepoHandle;
use super::database::Database;
use super::lazy::Lazy;
use crate::connection::LitefsConnection;
use crate::error::Error;
use crate::request::Ack;
use crate::runtime::in_runtime;

/// What a closure does with its connection.
pub(super) type Work<T, E> = Box<dyn FnOnce(&mut LitefsConnection) -> Result<T, E> + Send>;

/// Blocking work that has not begun: see [`RepoHandle::run`] and [`RepoHandle::transaction`].
///
/// Its terms are those that were set before it was first polled.
#[must_use = "nothing runs until it is awaited"]
pub struct Run<T, E> {
    state: Lazy<Plan<T, E>, Result<T, E>>,
}

struct Plan<T, E> {
    database: Arc<Database>,
    ack: Ack,
    timeout: Option<Duration>,
    work: Work<T, E>,
}

impl<T, E> Run<T, E> {
    /// When writes of the closure return, and commits of its transactions; [`Ack::Visible`] when not
    /// said. [`LitefsConnection::set_ack`] changes it from within.
    pub fn ack(mut self, ack: Ack) -> Self {
        self.state.set(|plan| plan.ack = ack);
        self
    }

    /// How long all of it may take, counted from the first poll: the wait for a connection, and the
    /// calls of the closure, which end by then (the closure's own work is not cut short). When not
    /// said, each call in it may take the repo's `timeout`. A write in it, or a commit, takes at most the
    /// setting `ledger_keep` (default 1 h), as every write does.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.state.set(|plan| plan.timeout = Some(timeout));
        self
    }
}

impl<T, E> Future for Run<T, E>
where
    T: Send + 'static,
    E: From<DieselError> + Send + 'static,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.state.poll(cx, |Plan { database, ack, timeout, work }| {
            let until = timeout.map(|_| database.deadline(timeout));
            lend(database, ack, until, work)
        })
    }
}

/// Runs `work` with a connection, on a thread of the node's own.
pub(super) fn lend<T, E>(
    database: Arc<Database>,
    ack: Ack,
    until: Option<Instant>,
    work: Work<T, E>,
) -> BoxFuture<'static, Result<T, E>>
where
    T: Send + 'static,
    E: From<DieselError> + Send + 'static,
{
    Box::pin(async move {
        let patience = until.unwrap_or_else(|| database.deadline(None));
        let turn = in_runtime(database.runtime.clone(), database.lent.borrow(patience));
        let plain = |error: Error| Err(error.into_diesel().into());
        let loan = match turn.await {
            Ok(loan) => loan,
            Err(error) => return plain(error),
        };
        let connect = Arc::clone(&database.connect);
        let lent = move |conn: &mut LitefsConnection| {
            conn.lend_terms(Some(ack), until);
            work(conn)
        };
        let done = database.blocking(move || loan.with(|| connect(), lent)).await;
        done.and_then(|done| done).unwrap_or_else(plain)
    })
}

impl<T, E> fmt::Debug for Run<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run({})", self.state.name())
    }
}

impl<L> RepoHandle<L> {
    /// A connection of this repo: Diesel's own methods, reads here and writes on the primary.
    ///
    /// It blocks, as every Diesel connection does; in async code use [`run`](Self::run).
    ///
    /// # Errors
    /// When the node is shut down, or the file cannot be opened.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// use diesel::prelude::*;
    ///
    /// let mut conn = repo.connection()?;
    /// diesel::update(users::table.find(1)).set(users::name.eq("Ada")).execute(&mut conn)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connection(&self) -> Result<LitefsConnection, Error> {
        (self.database.connect)()
    }

    /// Runs blocking Diesel code on a thread of its own, with a connection of this repo. As many
    /// run at once as the setting `pool_size` says; the others wait in order. Connections are kept
    /// between calls: a `PRAGMA` that one sets may be there for another.
    ///
    /// Dropping it after it has begun leaves the closure to its end. A panic in the closure is the
    /// caller's.
    ///
    /// # Errors
    /// The closure's own; and when there is no connection, that as `E`: then
    /// [`outcome`](crate::outcome) says more.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// use diesel::prelude::*;
    /// use litefs_diesel::Error;
    ///
    /// let names: Vec<String> =
    ///     repo.run(|conn| Ok::<_, Error>(users::table.select(users::name).load(conn)?)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn run<T, E>(
        &self,
        work: impl FnOnce(&mut LitefsConnection) -> Result<T, E> + Send + 'static,
    ) -> Run<T, E>
    where
        T: Send + 'static,
        E: From<DieselError> + Send + 'static,
    {
        let database = Arc::clone(&self.database);
        let plan = Plan { ack: database.ack, database, timeout: None, work: Box::new(work) };
        Run { state: Lazy::Waiting(plan) }
    }

    /// Runs blocking Diesel code in one transaction, which is wholly on the primary: reads in it
    /// too. It commits when the closure returns `Ok`, and rolls back on `Err` or a panic.
    ///
    /// While it is open, nobody else writes: keep it short, and prefer [`batch`](Self::batch). One that
    /// only reads belongs into [`read_transaction`](Self::read_transaction), which asks nobody: this
    /// one is on the primary from its first statement on, whether it will write or not.
    ///
    /// The commit is one write with an outcome like any other, and its level is
    /// [`ack`](Run::ack)'s. A primary that moves in the middle ends it as [`Error::NotExecuted`], and
    /// nothing of it is kept: [`retrying_transaction`](Self::retrying_transaction) then runs it again.
    ///
    /// # Errors
    /// As [`run`](Self::run), and what the commit ends with.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE accounts (id INTEGER PRIMARY KEY NOT NULL, cents INTEGER NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO accounts VALUES (1, 500), (2, 0)")).await?;
    /// # diesel::table! { accounts { id -> Integer, cents -> BigInt, } }
    /// use accounts::{cents, table};
    /// use diesel::prelude::*;
    /// use litefs_diesel::Error;
    ///
    /// let left: i64 = repo
    ///     .transaction(|conn| {
    ///         let has: i64 = table.find(1).select(cents).first(conn)?;
    ///         diesel::update(table.find(1)).set(cents.eq(has - 100)).execute(conn)?;
    ///         Ok::<_, Error>(has - 100)
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn transaction<T, E>(
        &self,
        work: impl FnOnce(&mut LitefsConnection) -> Result<T, E> + Send + 'static,
    ) -> Run<T, E>
    where
        T: Send + 'static,
        E: From<DieselError> + Send + 'static,
    {
        self.run(|conn| conn.transaction(work))
    }

    /// As [`transaction`](Self::transaction), and runs the closure again, in a new transaction, when one
    /// did not run ([`Error::NotExecuted`]: the primary moved in its middle, its queue was full), until
    /// the [`timeout`](Run::timeout), which is the repo's own when not said. Never after an outcome by
    /// which anything of it may be kept.
    ///
    /// **The closure may run more than once**, so it must have no effect but that of its statements on
    /// this connection.
    ///
    /// # Errors
    /// As [`transaction`](Self::transaction).
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE accounts (id INTEGER PRIMARY KEY NOT NULL, cents INTEGER NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO accounts VALUES (1, 500), (2, 0)")).await?;
    /// # diesel::table! { accounts { id -> Integer, cents -> BigInt, } }
    /// use accounts::{cents, table};
    /// use diesel::prelude::*;
    /// use litefs_diesel::{Ack, Error};
    /// use std::time::Duration;
    ///
    /// let left: i64 = repo
    ///     .retrying_transaction(|conn| {
    ///         let has: i64 = table.find(1).select(cents).first(conn)?;
    ///         diesel::update(table.find(1)).set(cents.eq(has - 100)).execute(conn)?;
    ///         Ok::<_, Error>(has - 100)
    ///     })
    ///     .ack(Ack::Committed)
    ///     .timeout(Duration::from_secs(5))
    ///     .await?;
    /// assert_eq!(left, 400);
    /// # Ok(())
    /// # }
    /// ```
    pub fn retrying_transaction<T, E>(
        &self,
        work: impl FnMut(&mut LitefsConnection) -> Result<T, E> + Send + 'static,
    ) -> Run<T, E>
    where
        T: Send + 'static,
        E: From<DieselError> + Send + 'static,
    {
        self.run(|conn| conn.retrying_transaction(work))
    }
}
