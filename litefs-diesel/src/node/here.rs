//! What a repo asks of the node that serves it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

use super::handle::Inner;
use super::served::Served;
use crate::error::{Error, NotExecuted};
use crate::litefs::{Role, WaitError};
use crate::position::Position;
use crate::repo::{Health, Here};
use crate::runtime::in_runtime;

/// One database of a node. It keeps the node going.
pub(super) struct HereOf {
    pub(super) node: Arc<Inner>,
    pub(super) served: Arc<Served>,
}

impl Here for HereOf {
    fn wait(&self, position: Position, deadline: Instant) -> BoxFuture<'static, Result<(), Error>> {
        let wait = self.served.watch.wait(position, deadline);
        async move {
            wait.await.map(drop).map_err(|error| match error {
                WaitError::Closed => Error::NotExecuted(NotExecuted::ShuttingDown),
                error => Error::ReadTimeout { why: error.to_string() },
            })
        }
        .boxed()
    }

    fn lag(&self) -> Option<Duration> {
        self.node.parts.litefs.lag()
    }

    fn position(&self) -> BoxFuture<'static, Result<Position, Error>> {
        let watch = self.served.watch.clone();
        // It reads a file of the mount, which blocks while LiteFS is stopped where it is.
        let read = self.node.parts.runtime.handle().spawn_blocking(move || watch.read());
        let timeout = self.served.settings.timeout;
        in_runtime(self.node.parts.runtime.handle().clone(), async move {
            let why = match tokio::time::timeout(timeout, read).await {
                Ok(Ok(Ok(position))) => return Ok(position.unwrap_or(Position::ZERO)),
                Ok(Ok(Err(error))) => error.to_string(),
                Ok(Err(_)) => return Err(Error::NotExecuted(NotExecuted::ShuttingDown)),
                Err(_) => "it does not answer".to_owned(),
            };
            Err(Error::ReadTimeout { why: format!("LiteFS does not give its position: {why}") })
        })
        .boxed()
    }

    fn role(&self) -> Role {
        self.node.parts.litefs.role().role
    }

    fn roles(&self) -> BoxStream<'static, Role> {
        let mut roles = self.node.parts.litefs.roles();
        roles.mark_changed();
        futures::stream::unfold(roles, |mut roles| async move {
            roles.changed().await.ok()?;
            let role = roles.borrow_and_update().role.clone();
            Some((role, roles))
        })
        .boxed()
    }

    fn ready(&self) -> BoxFuture<'static, Result<(), Error>> {
        if !self.node.is_accepting() {
            return futures::future::ready(Err(Error::NotExecuted(NotExecuted::ShuttingDown))).boxed();
        }
        let mut roles = self.node.parts.litefs.roles();
        let timeout = self.served.settings.timeout;
        in_runtime(self.node.parts.runtime.handle().clone(), async move {
            let known = roles.wait_for(|view| view.role != Role::NoLeader);
            match tokio::time::timeout(timeout, known).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) => Err(Error::NotExecuted(NotExecuted::ShuttingDown)),
                Err(_) => Err(Error::NotExecuted(NotExecuted::NoLeader)),
            }
        })
        .boxed()
    }

    fn health(&self) -> Health {
        Health {
            role: self.role(),
            lag: self.node.parts.lag.get(),
            litefs: self.node.parts.litefs.is_reachable(),
            accepting: self.node.is_accepting(),
        }
    }

    fn shutdown(&self) -> BoxFuture<'static, Result<(), Error>> {
        self.node.clone().shutdown().boxed()
    }
}
