//! Several statements in one transaction and one round trip.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::RepoHandle;
use super::builder::Write;
use super::database::Database;
use super::key::KeyTerms;
use super::taken::TakenWrite;
use super::write::{WriteStatement, count, send};
use crate::error::Error;
use crate::position::Position;
use crate::request::Ack;

/// Statements that run on the primary together, all or none: see [`RepoHandle::batch`].
///
/// It is a future that gives, for each [`execute`](Self::execute), how many rows it changed.
#[must_use = "a batch does nothing until it is awaited"]
pub struct Batch {
    database: Arc<Database>,
    statements: TakenWrite,
    /// Where each call's statements end: a batch insert may be several.
    ends: Vec<usize>,
    ack: Ack,
    timeout: Option<Duration>,
    key: KeyTerms,
    sent: Option<Write<Vec<usize>>>,
}

impl Batch {
    /// Adds any Diesel statement, to be run after those before it.
    pub fn execute(mut self, statement: impl WriteStatement) -> Self {
        if let Ok(statements) = &mut self.statements.0 {
            match statement.record().0 {
                Ok(more) => {
                    statements.extend(more);
                    self.ends.push(statements.len());
                }
                Err(error) => self.statements = TakenWrite(Err(error)),
            }
        }
        self
    }

    /// As [`Write::ack`].
    pub fn ack(mut self, ack: Ack) -> Self {
        self.ack = ack;
        self
    }

    /// As [`Write::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// As [`Write::idempotency_key`]: one key for all of it.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key.name = Some(key.into());
        self
    }

    /// As [`Write::keep_key`].
    pub fn keep_key(mut self, keep: Duration) -> Self {
        self.key.keep = Some(keep);
        self
    }

    /// As [`Write::with_position`].
    pub fn with_position(mut self) -> Write<(Vec<usize>, Position)> {
        self.take().with_position()
    }

    fn take(&mut self) -> Write<Vec<usize>> {
        let statements = std::mem::replace(&mut self.statements, TakenWrite(Ok(Vec::new())));
        let ends = std::mem::take(&mut self.ends);
        let write = send(&self.database, statements, move |outcomes| {
            let mut start = 0;
            Ok(ends
                .into_iter()
                .map(|end| {
                    let counted = outcomes.get(start..end).map_or(0, count);
                    start = end;
                    counted
                })
                .collect())
        });
        let write = write.ack(self.ack).keyed(std::mem::take(&mut self.key));
        match self.timeout {
            Some(timeout) => write.timeout(timeout),
            None => write,
        }
    }
}

impl Future for Batch {
    type Output = Result<Vec<usize>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut write = match self.sent.take() {
            Some(write) => write,
            None => self.take(),
        };
        let polled = Pin::new(&mut write).poll(cx);
        self.sent = Some(write);
        polled
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} statements)", self.ends.len())
    }
}

impl<L> RepoHandle<L> {
    /// Begins a batch: statements that run on the primary in order, in one transaction and one
    /// round trip. The first that fails takes all of them back.
    ///
    /// # Errors
    /// As [`execute`](Self::execute). A batch without statements gives no counts and sends nothing.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE accounts (id INTEGER PRIMARY KEY NOT NULL, cents INTEGER NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO accounts VALUES (1, 500), (2, 0)")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { accounts { id -> Integer, cents -> BigInt, } }
    /// use accounts::{cents, table};
    ///
    /// let changed: Vec<usize> = repo
    ///     .batch()
    ///     .execute(diesel::update(table.find(1)).set(cents.eq(cents - 100)))
    ///     .execute(diesel::update(table.find(2)).set(cents.eq(cents + 100)))
    ///     .await?;
    /// assert_eq!(changed, [1, 1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(&self) -> Batch {
        Batch {
            database: Arc::clone(&self.database),
            statements: TakenWrite(Ok(Vec::new())),
            ends: Vec::new(),
            ack: self.database.ack,
            timeout: None,
            key: KeyTerms::default(),
            sent: None,
        }
    }
}
