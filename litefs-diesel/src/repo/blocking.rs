//! Blocking Diesel code: a connection, and closures that get one off the executor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use diesel::Connection;
use diesel::result::Error as DieselError;
use futures::future::BoxFuture;

use super::RepoHandle;
use crate::connection::LitefsConnection;
use crate::error::Error;
use crate::runtime::in_runtime;

/// Blocking work that has not begun: see [`RepoHandle::run`].
#[must_use = "nothing runs until it is awaited"]
pub struct Run<T, E>(BoxFuture<'static, Result<T, E>>);

impl<T, E> Future for Run<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<T, E> fmt::Debug for Run<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Run")
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
        Run(Box::pin(async move {
            let plain = |error: Error| Err(error.into_diesel().into());
            let turn = in_runtime(database.runtime.clone(), database.lent.borrow(database.timeout));
            let loan = match turn.await {
                Ok(loan) => loan,
                Err(error) => return plain(error),
            };
            let connect = Arc::clone(&database.connect);
            let done = database.blocking(move || loan.with(|| connect(), work)).await;
            done.and_then(|done| done).unwrap_or_else(plain)
        }))
    }

    /// Runs blocking Diesel code in one transaction, which is wholly on the primary: reads in it
    /// too. It commits when the closure returns `Ok`, and rolls back on `Err` or a panic.
    ///
    /// While it is open, nobody else writes: keep it short, and prefer [`batch`](Self::batch).
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
}
