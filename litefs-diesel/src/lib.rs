//! litefs-diesel

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
mod runtime;
mod server;
mod statement;
mod value;
mod writer;

pub use config::{Config, JournalMode, RepoConfig, StartError};
pub use connection::LitefsConnection;
pub use error::{CommittedValue, Error, NotExecuted, outcome};
pub use litefs::Role;
pub use litefs_diesel_macros::litefs_repo;
pub use node::Node;
pub use position::{ParsePositionError, Position};
pub use repo::{LitefsRepo, LocalConnection, ReadLevel, RepoHandle};
pub use request::Ack;

/// What the macros' expansions and this project's benches name, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use diesel::SqliteConnection;

    pub use crate::node::{on, position_reads, start};
    pub use crate::statement::capture::capture_size;
}
