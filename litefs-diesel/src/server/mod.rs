//! Answering the calls of other nodes.
//!
//! [`listen`] accepts connections, [`seats`] says how many there may be, [`admit`] finds out who is there, [`connection`]
//! runs the calls of each, [`data`] and [`control`] are what runs; [`transactions`] keeps what one connection has open.
//! What a peer may have of this node is counted in [`budget`], and answers that it does not take in [`replies`].
//! Whatever is [`refused`], for one [`reason`] or another, is counted and told of.
//!
//! This room never decides who is primary and never touches a database: it hands each call to the
//! local writer it was given, or says who would do it.

mod admit;
mod budget;
mod connection;
mod control;
mod data;
mod idle;
mod listen;
mod paced;
mod reason;
mod refused;
mod replies;
mod seats;
mod socket;
mod transactions;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use budget::Budget;
#[cfg(test)]
use listen::BindError;
pub(crate) use listen::{bind, run};
pub(crate) use refused::Refused;

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{AcceptWrites, LimitSettings};
use crate::members::Members;
use crate::request::Executor;
use crate::rpc::hello::Identity;
use crate::rpc::identity::{PeerNames, Transport};

/// What a node serves to others.
pub(crate) struct Services {
    pub(crate) identity: Arc<Identity>,
    /// The local writer of each repo, by the repo's name. One that is asked while this node is
    /// not primary says so.
    pub(crate) repos: HashMap<String, Arc<dyn Executor>>,
    /// What this node sees, whose role decides whether a call is run at all; and what others tell it.
    pub(crate) members: Arc<Members>,
    /// By what this node knows its peers.
    pub(crate) transport: Transport,
    /// What may stand in the certificate of a node.
    pub(crate) names: PeerNames,
    /// Whose writes are taken.
    pub(crate) accept: AcceptWrites,
    /// What they may have of this node.
    pub(crate) limits: LimitSettings,
    /// What of it they have.
    pub(crate) budget: Arc<Budget>,
    /// Where everything goes that is refused.
    pub(crate) refused: Arc<Refused>,
}
