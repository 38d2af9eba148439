//! What LiteFS says to this node: role, position, and waiting for a position.
//!
//! [`Litefs`] follows one LiteFS server (`GET /events`, `GET /info`, the files in the mount) and
//! keeps the role; [`PositionWatch`] reads one database's position and wakes those who wait for
//! one; its [`Gate`] holds readers back meanwhile, or replication would never get its locks.
//!
//! This room never opens a database, never writes in the mount, and never asks another node.
//! Nothing in it believes a missing file: `.primary` is missing on the primary, on a node without
//! a leader, and on a mount that is gone.

mod client;
mod cluster_id;
mod events;
mod exposed;
mod files;
mod follow;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod gate;
mod info;
mod pace;
mod position_file;
mod role;
mod seen;
mod settings;
mod settle;
mod waiters;
mod watch;

#[cfg(test)]
mod tests;

pub use role::Role;

pub(crate) use client::Litefs;
pub(crate) use cluster_id::ClusterId;
pub(crate) use exposed::warn_if_exposed;
#[cfg(test)]
use info::InfoError;
pub(crate) use role::RoleView;
pub(crate) use settings::LitefsSettings;
pub(crate) use waiters::WaitError;
pub(crate) use watch::PositionWatch;
