//! By what two nodes know each other, before either says anything.
//!
//! TLS 1.3 both ways, from one of two things: a secret that all nodes share ([`secret`]), of which a
//! key is derived that both sides present as it is and pin ([`pins`]); or certificates of the
//! cluster's own authorities ([`authorities`]). [`files`] are what the settings name; what they say at
//! one time is [`Credentials`]; [`Trust`] is what they say now, which changes when they do ([`reload`]).
//! [`handshake`] makes a [`Stream`] of a connection, and a [`Session`]: who is there, and whether that
//! still counts.
//!
//! This room never opens a socket, never resumes a session (a resumed one would skip the pin), and
//! never shows a secret: not in errors, not in `Debug`, not in what it logs.

mod authorities;
mod credentials;
mod files;
mod handshake;
mod pins;
mod reload;
mod secret;
mod session;
mod trust;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use handshake::IdentityError;
pub(crate) use session::{PeerIdentity, Session};
pub(crate) use trust::Transport;

use std::sync::Arc;

use tokio_rustls::TlsStream;
use tokio_util::either::Either;

/// The bytes of a connection: in plain text, or with somebody known at the other end. Boxed, because
/// of the buffers in it.
pub(crate) type Stream<T> = Either<T, Box<TlsStream<T>>>;

/// The names that a node's certificate may have of which this is the name, in LiteFS and in its hello.
pub(crate) type PeerNames = Arc<dyn Fn(&str) -> Vec<String> + Send + Sync>;
