//! The settings of `[limits]` in code.

use std::collections::BTreeMap;
use std::time::Duration;

use super::builder::{Config, integer};
use super::error::Origin;
use super::layer::Value;
use super::schema::Key;

/// What others may have of this node at most, for [`Config::limits`]. What is not set comes from the sources of lower
/// rank; all keys and why each default is what it is: [`config`](crate::config#limits-what-others-may-have-of-this-node).
///
/// ```
/// # use litefs_diesel::{Config, config::Limits};
/// use std::time::Duration;
///
/// let limits = Limits::default().connections(64).handshake_timeout(Duration::from_secs(2));
/// let config = Config::new("/litefs/app.db").litefs_http("http://127.0.0.1:20202").limits(limits);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Limits {
    values: BTreeMap<&'static str, Value>,
}

impl Config {
    /// What others may have of this node at most. Only what `limits` sets is changed.
    ///
    /// ```
    /// # use litefs_diesel::{Config, config::Limits};
    /// let config = Config::new("/litefs/app.db")
    ///     .litefs_http("http://127.0.0.1:20202")
    ///     .limits(Limits::default().connections_per_address(256));
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        for (key, value) in limits.values {
            self.code.set(Key::Limits(key), value, Origin::Code);
        }
        self
    }
}

impl Limits {
    /// Connections of peers, of which is known who is there, at once (default 256). One more is told so and closed.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        self.set("connections", integer(connections))
    }

    /// Connections from one address at once, of peers and of strangers (default 64): an IPv4 address, or the 64 bits
    /// of an IPv6 network. One more is closed before anything is said.
    #[must_use]
    pub fn connections_per_address(self, connections: usize) -> Self {
        self.set("connections_per_address", integer(connections))
    }

    /// Connections of which is not known yet who is there, at once (default 256), besides `connections`. One more is
    /// closed before anything is said.
    #[must_use]
    pub fn handshakes(self, handshakes: usize) -> Self {
        self.set("handshakes", integer(handshakes))
    }

    /// New connections a second (default 200), and as many at once after a second of quiet. One more is closed before
    /// anything is said.
    #[must_use]
    pub fn handshake_rate(self, a_second: usize) -> Self {
        self.set("handshake_rate", integer(a_second))
    }

    /// The same from one address (default 64).
    #[must_use]
    pub fn handshake_rate_per_address(self, a_second: usize) -> Self {
        self.set("handshake_rate_per_address", integer(a_second))
    }

    /// How long it may take until it is known who is there: TLS and the hello together (default 5 s).
    #[must_use]
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.set("handshake_timeout", Value::Duration(timeout))
    }

    /// How long a connection may be there on which no call runs and no transaction is open (default 10 min, at least 5 s). Who
    /// called makes a new one when there is something to say, and no call fails.
    #[must_use]
    pub fn idle(self, limit: Duration) -> Self {
        self.set("idle", Value::Duration(limit))
    }

    /// After how long a silence TCP asks whether the other end is still there (default 15 s). One that is gone is
    /// noticed after twice that.
    #[must_use]
    pub fn keepalive(self, silence: Duration) -> Self {
        self.set("keepalive", Value::Duration(silence))
    }

    /// Bytes of a frame, the same on all nodes (default 64 MiB): a message is held whole.
    #[must_use]
    pub fn max_frame(self, bytes: usize) -> Self {
        self.set("max_frame", integer(bytes))
    }

    /// Requests that are held at once, of all connections (default 65,536): from their arrival until nothing of them
    /// is left in a queue, also when they were cancelled, and their answer is on its way. One more is
    /// [`Overloaded`](crate::NotExecuted::Overloaded).
    #[must_use]
    pub fn requests(self, requests: usize) -> Self {
        self.set("requests", integer(requests))
    }

    /// The same of one connection (default 16,384).
    #[must_use]
    pub fn requests_per_connection(self, requests: usize) -> Self {
        self.set("requests_per_connection", integer(requests))
    }

    /// Bytes of those, of all connections (default four times `max_frame`).
    #[must_use]
    pub fn request_bytes(self, bytes: usize) -> Self {
        self.set("request_bytes", integer(bytes))
    }

    /// Transactions open or waiting, of all connections (default 1,024).
    #[must_use]
    pub fn transactions(self, transactions: usize) -> Self {
        self.set("transactions", integer(transactions))
    }

    /// The same of one connection (default 256).
    #[must_use]
    pub fn transactions_per_connection(self, transactions: usize) -> Self {
        self.set("transactions_per_connection", integer(transactions))
    }

    /// Bytes of a statement's text (default 4 MiB). A longer one is
    /// [`TooLarge`](crate::NotExecuted::TooLarge) where it is sent from, and where it comes.
    #[must_use]
    pub fn statement_bytes(self, bytes: usize) -> Self {
        self.set("statement_bytes", integer(bytes))
    }

    /// Values bound to one statement (default 32,766).
    #[must_use]
    pub fn binds(self, values: usize) -> Self {
        self.set("binds", integer(values))
    }

    /// Bytes of those, and of a procedure's arguments (default half of `max_frame`).
    #[must_use]
    pub fn bind_bytes(self, bytes: usize) -> Self {
        self.set("bind_bytes", integer(bytes))
    }

    /// Rows that a request may return (default 1,000,000). What made more is rolled back, and is
    /// [`TooLarge`](crate::NotExecuted::TooLarge).
    #[must_use]
    pub fn result_rows(self, rows: usize) -> Self {
        self.set("result_rows", integer(rows))
    }

    /// Bytes of those, or of what a procedure returns (default half of `max_frame`).
    #[must_use]
    pub fn result_bytes(self, bytes: usize) -> Self {
        self.set("result_bytes", integer(bytes))
    }

    /// Bytes of answers that wait until their callers take them, of all connections (default four times `max_frame`).
    /// When there are more, connections that do not take theirs are closed.
    #[must_use]
    pub fn reply_bytes(self, bytes: usize) -> Self {
        self.set("reply_bytes", integer(bytes))
    }

    /// How long an answer may wait for that (default 30 s). Then its connection is closed.
    #[must_use]
    pub fn reply_timeout(self, timeout: Duration) -> Self {
        self.set("reply_timeout", Value::Duration(timeout))
    }

    fn set(mut self, key: &'static str, value: Value) -> Self {
        self.values.insert(key, value);
        self
    }
}
