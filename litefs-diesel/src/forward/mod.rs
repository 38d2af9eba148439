//! Finding, calling and retrying the primary.
//!
//! [`router`] is the primary for those who do not care where it is: [`route`] decides by the role
//! where a call goes next, [`peers`] keeps the connections ([`peer`], [`link`]), [`resolve`] knows
//! where a host name is, [`transaction`] is one that is open elsewhere.
//!
//! This room never opens a database, and never sends a write again that may have run.

mod connect;
mod link;
mod peer;
mod peers;
mod resolve;
mod route;
mod router;
mod transaction;
mod visibility;

#[cfg(test)]
mod tests;

pub(crate) use peers::{Peers, PeersConfig};
pub(crate) use resolve::Resolver;
pub(crate) use router::Router;
pub(crate) use visibility::{NotVisible, Visibility};
