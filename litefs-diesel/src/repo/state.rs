//! What a repo says of its node, and ending it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::stream::BoxStream;

use super::RepoHandle;
use crate::error::Error;
use crate::litefs::Role;
use crate::position::Position;

/// How a repo's node is, at the moment of asking: see [`RepoHandle::health`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// What this node is for LiteFS.
    pub role: Role,
    /// How far this node's file is behind the primary, by LiteFS's own measure; `None` when that
    /// is not known.
    pub lag: Option<Duration>,
    /// Whether LiteFS answered when it was asked last, at most 2 s ago; always on a node that is
    /// alone.
    pub litefs: bool,
    /// Whether calls are taken: `false` once [`RepoHandle::shutdown`] has begun.
    pub accepting: bool,
}

/// The role now, and then each change: see [`RepoHandle::roles`].
#[must_use = "a stream does nothing until it is polled"]
pub struct Roles(BoxStream<'static, Role>);

impl Stream for Roles {
    type Item = Role;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Role>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roles")
    }
}

impl<L> RepoHandle<L> {
    /// What this node is for LiteFS, as far as it has heard. Does not block.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// if repo.role().is_primary() { /* writes stay on this node */ }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn role(&self) -> Role {
        self.database.here.role()
    }

    /// The role now, and then each change, until the node shuts down: for work that only the
    /// primary does. A consumer that is slow sees the latest, not each.
    ///
    /// ```no_run
    /// # async fn example(repo: litefs_diesel::RepoHandle) {
    /// use futures::StreamExt;
    ///
    /// let mut roles = repo.roles();
    /// while let Some(role) = roles.next().await {
    ///     if role.is_primary() { /* start the cron */ } else { /* stop it */ }
    /// }
    /// # }
    /// ```
    pub fn roles(&self) -> Roles {
        Roles(self.database.here.roles())
    }

    /// Returns when this node can read, and knows where writes go.
    ///
    /// # Errors
    /// [`Error::NotExecuted`] when that was not so by the repo's own timeout, or the node shuts
    /// down.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// repo.ready().await?;
    /// assert!(repo.health().accepting);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&self) -> Result<(), Error> {
        self.database.here.ready().await
    }

    /// How the node is now, for a health check. Does not block, and asks nobody.
    #[must_use]
    pub fn health(&self) -> Health {
        self.database.here.health()
    }

    /// Where this node's file is now: a token for [`ReadLevel::AtLeast`](crate::ReadLevel::AtLeast)
    /// on any node. On a node that is alone it is [`Position::ZERO`].
    ///
    /// # Errors
    /// When LiteFS does not answer, or the node is shut down.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// let token: String = repo.position().await?.to_string();
    /// # Ok(())
    /// # }
    /// ```
    pub async fn position(&self) -> Result<Position, Error> {
        self.database.here.position().await
    }

    /// Takes no more calls, lets those that run end, closes every file and ends the node's
    /// threads. May be called more than once; later calls of other methods are
    /// [`NotExecuted`](crate::NotExecuted).
    ///
    /// # Errors
    /// When what ran did not end in time; the node is down all the same.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// repo.shutdown().await?;
    /// repo.shutdown().await?; // again does no harm
    /// # Ok(())
    /// # }
    /// ```
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.database.here.shutdown().await
    }
}
