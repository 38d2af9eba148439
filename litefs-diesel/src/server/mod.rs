//! Answering the calls of other nodes.
//!
//! [`listen`] accepts connections, [`admit`] finds out who is there, [`connection`] runs the calls of each, [`data`]
//! and [`control`] are what runs; [`transactions`] keeps what one connection has open.
//! What a peer may have of this node is counted in [`budget`], and answers that it does not take in [`replies`].
//!
//! This room never decides who is primary and never touches a database: it hands each call to the
//! local writer it was given, or says who would do it.

mod admit;
mod budget;
mod connection;
mod control;
mod data;
mod listen;
mod paced;
mod replies;
mod transactions;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

#[cfg(test)]
use listen::BindError;
pub(crate) use listen::{bind, run};

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::members::Members;
use crate::request::{Executor, Sizes};
use crate::rpc::hello::Identity;
use crate::rpc::identity::{PeerNames, Transport};
use crate::rpc::wire::MAX_FRAME;
use crate::statement::Most;

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
    pub(crate) limits: Limits,
}

/// What a server gives to its peers at most.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections at once; the next ones wait to be accepted. Default 256: two for each peer of
    /// a large cluster.
    pub(crate) connections: usize,
    /// Bytes of a frame. Default [`MAX_FRAME`].
    pub(crate) max_frame: usize,
    /// Requests of one connection that are held at once, from their arrival until nothing of them is left in a
    /// queue, and their answer is on its way. Default 16,384, as many as a caller has on one.
    pub(crate) calls: usize,
    /// The same, of all connections. Default 65,536.
    pub(crate) all_calls: usize,
    /// Their bytes, of all connections. Default 256 MiB, four frames of the largest size.
    pub(crate) request_bytes: usize,
    /// Transactions of one connection, those included that wait for the writer. Default 256.
    pub(crate) transactions: usize,
    /// The same, of all connections. Default 1,024.
    pub(crate) all_transactions: usize,
    /// How large a statement may be.
    pub(crate) sizes: Sizes,
    /// How large the result of a request may become. Default a million rows, 32 MiB.
    pub(crate) result: Most,
    /// Bytes of answers that wait until their callers take them, of all connections. Default 256 MiB.
    pub(crate) reply_bytes: usize,
    /// How long an answer may wait until its caller has taken it. Default 30 s: as long as `reply_bytes` take at
    /// 70 Mbit/s.
    pub(crate) reply_timeout: Duration,
    /// How long it may take until it is known who is there: TLS and the hello together. Default 5 s.
    pub(crate) hello: Duration,
    /// How long running calls and open transactions may go on once the node shuts down. Default
    /// 5 s.
    pub(crate) drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            max_frame: MAX_FRAME,
            calls: 16 * 1024,
            all_calls: 64 * 1024,
            request_bytes: 4 * MAX_FRAME,
            transactions: 256,
            all_transactions: 1_024,
            sizes: Sizes::default(),
            result: Most::new(1_000_000, MAX_FRAME / 2),
            reply_bytes: 4 * MAX_FRAME,
            reply_timeout: Duration::from_secs(30),
            hello: Duration::from_secs(5),
            drain: Duration::from_secs(5),
        }
    }
}
