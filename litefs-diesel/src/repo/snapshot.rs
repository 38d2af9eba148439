//! Closures whose reads all see one snapshot.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use diesel::result::Error as DieselError;

use super::blocking::{Work, lend};
use super::database::{Database, Place, ReadTerms};
use super::lazy::Lazy;
use super::{ReadLevel, RepoHandle};
use crate::connection::{LitefsConnection, ReadsOn};
use crate::runtime::in_runtime;

/// Blocking work that only reads, and has not begun: see [`RepoHandle::read_transaction`].
///
/// Its terms are those that were set before it was first polled.
#[must_use = "nothing runs until it is awaited"]
pub struct ReadRun<T, E> {
    state: Lazy<Plan<T, E>, Result<T, E>>,
}

struct Plan<T, E> {
    database: Arc<Database>,
    level: ReadLevel,
    timeout: Option<Duration>,
    work: Work<T, E>,
}

impl<T, E> ReadRun<T, E> {
    /// How fresh the snapshot must be; [`ReadLevel::Local`] when not said. One of the primary
    /// ([`ReadLevel::Primary`], and [`ReadLevel::MaxLag`] on a node that is behind) is a transaction
    /// there, in which nobody else writes; it has the same limit.
    pub fn at(mut self, level: ReadLevel) -> Self {
        self.state.set(|plan| plan.level = level);
        self
    }

    /// How long it may take until the closure begins, and its reads with it, counted from the first
    /// poll; the repo's own setting when not said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.state.set(|plan| plan.timeout = Some(timeout));
        self
    }
}

impl<T, E> Future for ReadRun<T, E>
where
    T: Send + 'static,
    E: From<DieselError> + Send + 'static,
{
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.state.poll(cx, |Plan { database, level, timeout, work }| {
            let deadline = database.deadline(timeout);
            Box::pin(async move {
                let terms = ReadTerms { level, deadline };
                let on = match in_runtime(database.runtime.clone(), database.place(terms)).await {
                    Ok(Place::Here) => ReadsOn::Here,
                    Ok(Place::Primary) => ReadsOn::Primary,
                    Err(error) => return Err(error.into_diesel().into()),
                };
                let work = Box::new(move |conn: &mut LitefsConnection| conn.read_transaction_on(on, work));
                lend(Arc::clone(&database), database.ack, Some(deadline), work).await
            })
        })
    }
}

impl<T, E> fmt::Debug for ReadRun<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadRun({})", self.state.name())
    }
}

impl<L> RepoHandle<L> {
    /// Runs blocking Diesel code whose reads all see this node's file as it is at the first of them.
    /// The primary is not asked, and nobody waits for it: unlike in a
    /// [`transaction`](Self::transaction), other writes go on, here and there.
    ///
    /// It can be open for as long as the setting `read_transaction` says (default 2 s): while one is,
    /// LiteFS on this node can neither apply what others wrote nor be elected. After that its reads
    /// fail, and the snapshot is given up whatever the closure is at. So read, and work on the rows
    /// when it is over. It takes one of the connections of [`run`](Self::run), and one of the
    /// reader pool.
    ///
    /// # Errors
    /// The closure's own. In it, a statement that writes is refused with
    /// [`Error::WriteInRead`](crate::Error::WriteInRead), and reads that come too late end with
    /// [`Error::ReadTimeout`](crate::Error::ReadTimeout), both inside of Diesel's error (which a
    /// closure's [`Error`](crate::Error) takes out again).
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
    /// use diesel::prelude::*;
    /// use litefs_diesel::{Error, ReadLevel};
    ///
    /// let position = repo.position().await?;
    /// let (count, cents): (i64, Vec<i64>) = repo
    ///     .read_transaction(|conn| {
    ///         let count = accounts::table.count().get_result(conn)?;
    ///         Ok::<_, Error>((count, accounts::table.select(accounts::cents).load(conn)?))
    ///     })
    ///     .at(ReadLevel::AtLeast(position))
    ///     .await?;
    /// assert_eq!(count, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_transaction<T, E>(
        &self,
        work: impl FnOnce(&mut LitefsConnection) -> Result<T, E> + Send + 'static,
    ) -> ReadRun<T, E>
    where
        T: Send + 'static,
        E: From<DieselError> + Send + 'static,
    {
        let database = Arc::clone(&self.database);
        let plan = Plan { database, level: ReadLevel::default(), timeout: None, work: Box::new(work) };
        ReadRun { state: Lazy::Waiting(plan) }
    }
}
