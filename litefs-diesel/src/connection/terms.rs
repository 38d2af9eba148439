//! What the calls of a connection are promised, and how long they may take.

use std::time::Instant;

use super::litefs_connection::{LitefsConnection, Way};
use super::node::NodeConnection;
use crate::migrate;
use crate::request::{Ack, Terms};

/// What all calls of a connection have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CallTerms {
    /// What writes and commits wait for; `None`: what the settings say of every write.
    ack: Option<Ack>,
    /// When the closure must be done that the connection is lent to; `None`: only each call has its
    /// time.
    until: Option<Instant>,
}

impl NodeConnection {
    /// Until when a call that begins now may take.
    pub(super) fn deadline(&self) -> Instant {
        self.terms.until.unwrap_or_else(|| Instant::now() + self.access.timeout)
    }

    /// The same of a migration, which may take longer than another call.
    pub(super) fn migration_terms(&self) -> Terms {
        let timeout = self.access.timeout.max(migrate::TIMEOUT);
        let deadline = self.terms.until.unwrap_or_else(|| Instant::now() + timeout);
        Terms { deadline, ..self.terms() }
    }

    /// What a write that begins now is promised.
    pub(super) fn terms(&self) -> Terms {
        Terms { deadline: self.deadline(), ack: self.terms.ack.unwrap_or(self.access.ack) }
    }
}

impl LitefsConnection {
    /// When writes on this connection return from now on, and commits of its transactions;
    /// the setting `ack` when never said. Within a transaction it counts for the commit alone.
    ///
    /// On a connection that is alone there are no other nodes: it does nothing.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use litefs_diesel::{Ack, LitefsConnection};
    ///
    /// let mut conn = LitefsConnection::establish(":memory:")?;
    /// conn.set_ack(Ack::Everywhere);
    /// conn.transaction(|_conn| QueryResult::Ok(()))?; // survives any single failover
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_ack(&mut self, ack: Ack) {
        if let Way::Node(node) = &mut self.way {
            node.terms.ack = Some(ack);
        }
    }

    /// What [`set_ack`](Self::set_ack) said last; else what the settings say.
    #[must_use]
    pub fn ack(&self) -> Ack {
        match &self.way {
            Way::Alone(_) => Ack::default(),
            Way::Node(node) => node.terms.ack.unwrap_or(node.access.ack),
        }
    }

    /// The terms of one closure that it is lent to.
    pub(crate) fn lend_terms(&mut self, ack: Option<Ack>, until: Option<Instant>) {
        if let Way::Node(node) = &mut self.way {
            node.terms = CallTerms { ack, until };
            node.end_migrating();
        }
    }

    /// Bounds all calls that begin from now on; gives the bound there was.
    pub(super) fn bound(&mut self, until: Option<Instant>) -> Option<Instant> {
        match &mut self.way {
            Way::Alone(_) => None,
            Way::Node(node) => std::mem::replace(&mut node.terms.until, until),
        }
    }

    /// Until when a call that begins now may take; `None` on a connection that is alone.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.way {
            Way::Alone(_) => None,
            Way::Node(node) => Some(node.deadline()),
        }
    }
}
