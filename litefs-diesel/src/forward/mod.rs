//! Finding, calling and retrying the primary.
//!
//! [`router`] is the primary for those who do not care where it is: [`asking`] asks until there is an
//! answer, under the write's own id ([`client`], [`hash`]); [`route`] decides by the role where the
//! next [`attempt`] goes; [`peers`] keeps the connections ([`peer`], [`link`], [`control`]), [`resolve`] knows
//! where a host name is. [`transaction`] is one that is open on the primary, [`remote`] the other end
//! of one that is open elsewhere; [`remembered`] are the acknowledged writes after which [`lost`] looks
//! when the role changes; [`visibility`] is what is asked of where a write has arrived.
//!
//! This room never opens a database, and never sends a write that may have run under another id.

mod asking;
mod attempt;
mod client;
mod connect;
mod control;
mod hash;
mod link;
mod lost;
mod peer;
mod peers;
mod remembered;
mod remote;
mod resolve;
mod route;
mod router;
mod transaction;
mod visibility;

#[cfg(test)]
mod tests;

pub(crate) use peer::Unasked;
pub(crate) use peers::{Peers, PeersConfig};
pub(crate) use resolve::Resolver;
pub(crate) use router::{Router, RouterParts};
pub(crate) use visibility::{NotVisible, Visibility};
