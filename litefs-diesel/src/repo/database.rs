//! What a typed method needs of the node: one database, as its two ends.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::key::KeyTerms;
use super::lent::Lent;
use super::special::runs_alone;
use super::{Health, ReadLevel};
use crate::connection::LitefsConnection;
use crate::error::{Error, NotExecuted};
use crate::litefs::Role;
use crate::position::Position;
use crate::reader::Readers;
use crate::request::{Ack, Primary, Terms, Write, Written};
use crate::statement::capture::Collected;
use crate::statement::{Rows, Statement, Want};

/// One database of a node. The node fills it; a [`RepoHandle`](super::RepoHandle) shares it.
pub(crate) struct Database {
    /// Where writes run, wherever that is.
    pub(crate) primary: Arc<dyn Primary>,
    /// The read-only pool on this node's file.
    pub(crate) readers: Arc<Readers>,
    /// What this node knows of its own role and position.
    pub(crate) here: Arc<dyn Here>,
    /// Opens a connection of this repo. May block.
    pub(crate) connect: Arc<dyn Fn() -> Result<LitefsConnection, Error> + Send + Sync>,
    /// The connections of `run` and `transaction`.
    pub(crate) lent: Lent,
    /// What a call may take that names no time of its own.
    pub(crate) timeout: Duration,
    /// When a write returns that does not say.
    pub(crate) ack: Ack,
    /// The node's own runtime: for work that blocks and belongs to no reader (`run`,
    /// `transaction`, and reading back what a stream put on disk).
    pub(crate) runtime: tokio::runtime::Handle,
}

/// What this node knows of itself; the node implements it over `litefs/`.
pub(crate) trait Here: Send + Sync + 'static {
    /// Returns when this node's file holds the write at `position`, or says why not by `deadline`.
    fn wait(&self, position: Position, deadline: Instant) -> BoxFuture<'static, Result<(), Error>>;

    /// How far this node is behind the primary; zero on the primary and alone, `None` when it is
    /// not known.
    fn lag(&self) -> Option<Duration>;

    /// Where this node's file is now.
    fn position(&self) -> BoxFuture<'static, Result<Position, Error>>;

    /// What this node is for LiteFS, now.
    fn role(&self) -> Role;

    /// The role now, and then each change.
    fn roles(&self) -> BoxStream<'static, Role>;

    /// Returns when this node can read and knows where writes go.
    fn ready(&self) -> BoxFuture<'static, Result<(), Error>>;

    /// How this node is, without asking anybody.
    fn health(&self) -> Health;

    /// Ends the whole node; idempotent.
    fn shutdown(&self) -> BoxFuture<'static, Result<(), Error>>;
}

/// When a call that reads ends, and where it may run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadTerms {
    pub(crate) level: ReadLevel,
    pub(crate) deadline: Instant,
}

/// How a write is sent: its promise, and the application's own name for it.
#[derive(Clone, Debug)]
pub(crate) struct WriteTerms {
    pub(super) terms: Terms,
    pub(super) key: KeyTerms,
}

impl WriteTerms {
    /// When it ends.
    pub(super) fn deadline(&self) -> Instant {
        self.terms.deadline
    }
}

/// A read of this node's file, or of the primary's.
pub(crate) enum Place {
    Here,
    Primary,
}

/// Stands for "no limit" where a clock cannot hold the caller's.
const A_YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Database {
    /// When a call ends that begins now.
    pub(crate) fn deadline(&self, timeout: Option<Duration>) -> Instant {
        Instant::now() + timeout.unwrap_or(self.timeout).min(A_YEAR)
    }

    /// Where this node's file is now, for a write that writes nothing.
    pub(crate) async fn position_by(&self, deadline: Instant) -> Result<Position, Error> {
        match tokio::time::timeout_at(deadline.into(), self.here.position()).await {
            Ok(position) => position,
            Err(_) => Err(Error::NotExecuted(NotExecuted::Expired)),
        }
    }

    /// Waits for what the level asks for, and says where the read then runs.
    pub(crate) async fn place(&self, terms: ReadTerms) -> Result<Place, Error> {
        match terms.level {
            ReadLevel::Local => Ok(Place::Here),
            ReadLevel::AtLeast(position) => {
                self.here.wait(position, terms.deadline).await?;
                Ok(Place::Here)
            }
            ReadLevel::MaxLag(most) => {
                let here = Arc::clone(&self.here);
                // A file of the mount tells it, which blocks while LiteFS is stopped where it is.
                let lag = self.blocking(move || here.lag());
                match tokio::time::timeout_at(terms.deadline.into(), lag).await {
                    Ok(lag) => Ok(match lag? {
                        Some(lag) if lag <= most => Place::Here,
                        _ => Place::Primary,
                    }),
                    Err(_) => Err(Error::ReadTimeout { why: "LiteFS does not give its lag".to_owned() }),
                }
            }
            ReadLevel::Primary => Ok(Place::Primary),
        }
    }

    /// The rows of a query on the primary.
    pub(crate) async fn read_there(&self, query: Collected, deadline: Instant) -> Result<Rows, Error> {
        let statement = query.into_statement(Want::Rows).map_err(Error::Read)?;
        let outcome = self.primary.read(statement, Terms { deadline, ack: Ack::Committed }).await?;
        Ok(outcome.rows.unwrap_or_default())
    }

    /// Runs statements in one transaction on the primary. What came of a write that is committed
    /// but not where its caller wants it is in the error, as [`Written`].
    pub(crate) async fn write(
        &self,
        statements: Vec<Statement>,
        terms: WriteTerms,
    ) -> Result<Written, Error> {
        let alone = runs_alone(&statements)?;
        self.send(Write { alone, ..Write::of(statements) }, terms).await
    }

    /// Sends a write under the key of its terms.
    pub(crate) async fn send(
        &self,
        write: Write,
        WriteTerms { terms, key }: WriteTerms,
    ) -> Result<Written, Error> {
        let key = key.key(&write)?;
        self.primary.write(Write { key, ..write }, terms).await
    }

    /// Work that blocks, on a thread of the node's runtime.
    pub(crate) async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Error> {
        match self.runtime.spawn_blocking(work).await {
            Ok(done) => Ok(done),
            // A panic in the application's closure stays its own.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::NotExecuted(NotExecuted::ShuttingDown)),
            },
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("role", &self.here.role())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
