//! litefs-diesel
// The whole crate is being built room by room; see ARCHITECTURE.md.
#![allow(dead_code, unused_imports)] // removed when the rooms are joined

pub mod config;
mod connection;
mod error;
mod forward;
mod litefs;
mod node;
mod position;
mod reader;
pub mod repo;
mod request;
mod rpc;
mod server;
mod statement;
mod value;
mod writer;

pub use config::Config;
pub use connection::LitefsConnection;
pub use error::{CommittedValue, Error, NotExecuted, outcome};
pub use litefs::Role;
pub use position::{ParsePositionError, Position};
pub use repo::RepoHandle;
pub use request::Ack;
