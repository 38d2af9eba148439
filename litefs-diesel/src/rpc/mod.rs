//! What two nodes say to each other, and the connection on which they say it.
//!
//! [`identity`] makes sure who is there; [`hello`] decides whether there is a conversation at all, by the
//! messages of [`greeting`]. Then [`wire`] frames
//! of our own carry the messages of two services, [`data`] and [`control`]; [`codec`] turns them
//! into tarpc's requests and responses and back, so that tarpc's own types never reach the wire,
//! whose bytes they do not promise. [`client`] makes calls; answering them is `server`'s. [`quiet`] keeps
//! tarpc from filling the application's log.
//!
//! This room opens no socket and no file but those of the identity, knows no role and no database, and
//! never retries.

pub(crate) mod client;
pub(crate) mod codec;
pub(crate) mod control;
pub(crate) mod data;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod greeting;
pub(crate) mod hello;
pub(crate) mod identity;
mod quiet;
pub(crate) mod wire;

#[cfg(test)]
mod tests;

use crate::request::Refusal;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// One of the two services: what may be asked on its connection, and what comes back.
pub(crate) trait Service: Send + Sync + 'static {
    type Request: Serialize + DeserializeOwned + Named + Send + Sync + std::fmt::Debug + 'static;
    type Reply: Serialize + DeserializeOwned + Send + std::fmt::Debug + 'static;

    /// What is answered instead of a reply that cannot be sent, which is for `why`.
    fn unsendable(reply: &Self::Reply, why: String) -> Refusal;
}

/// What a request is called in traces.
pub(crate) trait Named {
    fn name(&self) -> &'static str;
}
