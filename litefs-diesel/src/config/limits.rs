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

    fn set(mut self, key: &'static str, value: Value) -> Self {
        self.values.insert(key, value);
        self
    }
}
