//! What the methods return: a call that has not begun, and is a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;

use super::ReadLevel;
use super::database::{Database, ReadTerms, WriteTerms};
use super::key::KeyTerms;
use super::lazy::Lazy;
use crate::error::Error;
use crate::position::Position;
use crate::request::{Ack, Terms};
use crate::runtime::in_runtime;

/// A call's way to its result, once its terms are known.
type Start<A, T, E = Error> = Box<dyn FnOnce(Arc<Database>, A) -> BoxFuture<'static, Result<T, E>> + Send>;

/// A read that gives a `T`: nothing runs until it is awaited.
///
/// It owns what it needs (the query was taken apart when the method was called), so that it can be
/// spawned, joined, or sent to another thread. Dropping it before it was awaited does nothing;
/// dropping it later leaves the read to its end, and nobody sees its result.
///
/// ```
/// # #[litefs_diesel::litefs_repo]
/// # struct Repo;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
/// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
/// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
/// # use diesel::prelude::*;
/// # diesel::table! { users { id -> Integer, name -> Text, } }
/// use litefs_diesel::ReadLevel;
/// use std::time::Duration;
///
/// let position = repo.position().await?;
/// let names: Vec<String> = repo
///     .all(users::table.select(users::name))
///     .at(ReadLevel::AtLeast(position))
///     .timeout(Duration::from_secs(2))
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// Its terms are those that were set before it was first polled.
#[must_use = "a read does nothing until it is awaited"]
pub struct Read<T> {
    state: Lazy<ReadPlan<T>, Result<T, Error>>,
}

struct ReadPlan<T> {
    database: Arc<Database>,
    level: ReadLevel,
    timeout: Option<Duration>,
    start: Start<ReadTerms, T>,
}

/// A write that gives a `T`, or a procedure's call that does: nothing runs until it is awaited.
///
/// It owns what it needs (the statement and its values were taken apart when the method was
/// called), so that it can be spawned, joined, or sent to another thread. Dropping it before it was
/// awaited writes nothing; dropping it later leaves the outcome open: what was not yet sent, or has
/// not had its turn on the primary, does not run.
///
/// ```
/// # #[litefs_diesel::litefs_repo]
/// # struct Repo;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
/// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
/// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
/// # use diesel::prelude::*;
/// # diesel::table! { users { id -> Integer, name -> Text, } }
/// use litefs_diesel::Ack;
/// use std::time::Duration;
///
/// let (deleted, position) = repo
///     .delete_all(users::table.filter(users::name.like("test-%")))
///     .ack(Ack::Committed)
///     .timeout(Duration::from_secs(2))
///     .with_position()
///     .await?;
/// # let _: (usize, litefs_diesel::Position) = (deleted, position);
/// # Ok(())
/// # }
/// ```
///
/// Its terms are those that were set before it was first polled.
#[must_use = "a write does nothing until it is awaited"]
pub struct Write<T, E = Error> {
    state: Lazy<WritePlan<T, E>, Result<T, E>>,
}

struct WritePlan<T, E> {
    database: Arc<Database>,
    ack: Ack,
    timeout: Option<Duration>,
    key: KeyTerms,
    /// Gives the write's token beside its value.
    start: Start<WriteTerms, (T, Position), E>,
}

impl<T: 'static> Read<T> {
    pub(crate) fn new<F>(
        database: &Arc<Database>,
        start: impl FnOnce(Arc<Database>, ReadTerms) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let database = Arc::clone(database);
        let start: Start<ReadTerms, T> = Box::new(|database, terms| {
            Box::pin(in_runtime(database.runtime.clone(), start(database, terms)))
        });
        let plan = ReadPlan { database, level: ReadLevel::default(), timeout: None, start };
        Self { state: Lazy::Waiting(plan) }
    }

    /// How fresh the read must be; [`ReadLevel::Local`] when not said.
    pub fn at(mut self, level: ReadLevel) -> Self {
        self.state.set(|plan| plan.level = level);
        self
    }

    /// How long it may take, counted from the first poll; the repo's own setting when not said.
    /// After it: [`Error::ReadTimeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.state.set(|plan| plan.timeout = Some(timeout));
        self
    }
}

impl<U: Send + 'static> Read<Option<U>> {
    /// The row itself, or [`Error::NotFound`].
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// # #[derive(Queryable, Selectable)]
    /// # struct User { id: i32, name: String }
    /// let user: User = repo.get(users::table, 1).required().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn required(self) -> Read<U> {
        async fn require<U>(row: impl Future<Output = Result<Option<U>, Error>>) -> Result<U, Error> {
            row.await?.ok_or(Error::NotFound)
        }
        Read {
            state: match self.state {
                Lazy::Waiting(ReadPlan { database, level, timeout, start }) => {
                    let start: Start<ReadTerms, U> =
                        Box::new(|db, terms| Box::pin(require(start(db, terms))));
                    Lazy::Waiting(ReadPlan { database, level, timeout, start })
                }
                Lazy::Running(call) => Lazy::Running(Box::pin(require(call))),
                Lazy::Done => Lazy::Done,
            },
        }
    }
}

impl<T: Send + 'static, E: Send + 'static> Write<T, E> {
    pub(crate) fn new<F>(
        database: &Arc<Database>,
        start: impl FnOnce(Arc<Database>, WriteTerms) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(T, Position), E>> + Send + 'static,
    {
        let database = Arc::clone(database);
        let start: Start<WriteTerms, _, E> = Box::new(|database, terms| {
            Box::pin(in_runtime(database.runtime.clone(), start(database, terms)))
        });
        let plan = WritePlan { ack: database.ack, database, timeout: None, key: KeyTerms::default(), start };
        Self { state: Lazy::Waiting(plan) }
    }

    /// When the write returns; the repo's own setting when not said, which is [`Ack::Visible`] unless
    /// it is set.
    pub fn ack(mut self, ack: Ack) -> Self {
        self.state.set(|plan| plan.ack = ack);
        self
    }

    /// How long it may take, counted from the first poll; the repo's own setting when not said, and
    /// at most the setting `ledger_keep` (default 1 h), for which the ledger remembers who asked: an
    /// attempt after that could run a second time. What is known by then is the outcome: see [`Error`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.state.set(|plan| plan.timeout = Some(timeout));
        self
    }

    /// The application's own name for this write, 1 to 255 bytes (`"order-4711"`): under one name it is
    /// done once, also when the application asks again in another process, after its restart or a
    /// message that came twice. Asked again, it gives what the first one gave; what is asked for
    /// must be the same, but for what is marked with [`varying`](crate::varying).
    ///
    /// Without it a call is done once too, across all attempts that the library makes for it; a key is for
    /// attempts that the application makes itself. It is kept for 24 h, or as
    /// [`keep_key`](Self::keep_key) says. A write that failed ([`Error::Rejected`],
    /// [`Error::NotExecuted`]) leaves no key behind.
    ///
    /// "The same" is the text of the SQL and each value. So a release of the application, or of Diesel,
    /// that writes the SQL otherwise makes another request of it: [`Error::KeyReused`], and nothing runs.
    ///
    /// # Errors
    /// Of the call: [`Error::KeyReused`]; [`Error::CommittedNotKept`] when the first one's result was too
    /// large to keep; [`Error::Rejected`] when the key is too long or empty, or the statement runs outside
    /// of any transaction (`VACUUM`): then nothing was sent.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE orders (id INTEGER PRIMARY KEY NOT NULL, item TEXT NOT NULL)")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { orders { id -> Integer, item -> Text, } }
    /// use std::time::Duration;
    ///
    /// let order = diesel::insert_into(orders::table).values(orders::item.eq("a book"));
    /// repo.execute(order).idempotency_key("order-4711").keep_key(Duration::from_secs(3600)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.state.set(|plan| plan.key.name = Some(key.into()));
        self
    }

    pub(super) fn keyed(mut self, key: KeyTerms) -> Self {
        self.state.set(|plan| plan.key = key);
        self
    }

    /// For how long the [key](Self::idempotency_key) is kept (default 24 h, at most 366 days), counted by
    /// the ledger's own clock. Afterwards the same key is a new request.
    pub fn keep_key(mut self, keep: Duration) -> Self {
        self.state.set(|plan| plan.key.keep = Some(keep));
        self
    }

    /// The value and the write's own token, for [`ReadLevel::AtLeast`] on any node. In an error it
    /// is as ever: [`Error::position`], and [`Error::value`] of the value alone.
    ///
    /// # Panics
    /// When the write has been polled already.
    pub fn with_position(self) -> Write<(T, Position), E> {
        Write {
            state: match self.state {
                Lazy::Waiting(WritePlan { database, ack, timeout, key, start }) => {
                    let start: Start<WriteTerms, _, E> = Box::new(|db, terms| {
                        let written = start(db, terms);
                        Box::pin(async {
                            let (value, position) = written.await?;
                            Ok(((value, position), position))
                        })
                    });
                    Lazy::Waiting(WritePlan { database, ack, timeout, key, start })
                }
                Lazy::Running(_) => panic!("`with_position` after the write was polled"),
                Lazy::Done => Lazy::Done,
            },
        }
    }
}

impl<T: 'static> Future for Read<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.state.poll(cx, |ReadPlan { database, level, timeout, start }| {
            let deadline = database.deadline(timeout);
            start(database, ReadTerms { level, deadline })
        })
    }
}

impl<T: Send + 'static, E: Send + 'static> Future for Write<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.state.poll(cx, |WritePlan { database, ack, timeout, key, start }| {
            let deadline = database.deadline(timeout);
            let written = start(database, WriteTerms { terms: Terms { deadline, ack }, key });
            Box::pin(async { Ok(written.await?.0) })
        })
    }
}

impl<T> fmt::Debug for Read<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Read({})", self.state.name())
    }
}

impl<T, E> fmt::Debug for Write<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Write({})", self.state.name())
    }
}
