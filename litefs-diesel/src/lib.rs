//! Keep your Diesel code when LiteFS replicates your SQLite file: reads run on this node's file,
//! writes run on the primary, and a write returns when this node can read it back. Without LiteFS
//! the same code is plain SQLite.
//!
//! - [`litefs_repo`] on a struct makes it a repo: typed, async methods, on [`RepoHandle`].
//! - [`procedure`] on a function lets the primary run it, in one round trip and one transaction.
//! - [`LitefsConnection`] is a Diesel connection for code that is written for `SqliteConnection`.
//! - [`Node`] is this process's part in the cluster, for several repos or none.
//! - [`Config`] has the settings; all of them are in [`config`].
//! - [`Error`] has every way a call may end; [`outcome`] takes it out of Diesel's error.
//!
//! ```
//! use diesel::prelude::*;
//! use litefs_diesel::{Config, litefs_repo};
//!
//! diesel::table! { users { id -> Integer, name -> Text, } }
//!
//! #[litefs_repo]
//! struct Repo;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), litefs_diesel::Error> {
//! let repo = Repo::start(Config::temporary()).await?; // an application: Config::load()?
//! repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")).await?;
//!
//! // A typed method, and Diesel's own from async code: both write on the primary.
//! repo.execute(diesel::insert_into(users::table).values(users::name.eq("Ada"))).await?;
//! repo.run(|conn| diesel::insert_into(users::table).values(users::name.eq("Bob")).execute(conn)).await?;
//!
//! let names: Vec<String> = repo.all(users::table.select(users::name).order(users::id)).await?;
//! assert_eq!(names, ["Ada", "Bob"]);
//! repo.shutdown().await?;
//! # Ok(())
//! # }
//! ```

mod allowed;
mod bounded;
pub mod config;
mod connection;
#[cfg(test)]
mod counted;
mod error;
mod forward;
mod handover;
mod ledger;
mod litefs;
#[cfg(test)]
mod logged;
mod members;
mod migrate;
mod node;
mod pauses;
mod position;
mod reader;
mod recent;
pub mod repo;
mod request;
mod rpc;
mod runtime;
mod server;
mod shares;
mod shortened;
mod statement;
mod value;
mod writer;

pub use config::{Config, JournalMode, Limits, LostWrite, RepoConfig, StartError};
pub use connection::LitefsConnection;
pub use error::{Bound, CommittedValue, Error, NotExecuted, outcome};
pub use litefs::Role;
pub use litefs_diesel_macros::{litefs_repo, procedure};
pub use node::Node;
pub use position::{ParsePositionError, Position};
pub use repo::{
    CallError, DbError, LitefsRepo, LocalConnection, Procedure, ReadLevel, Registered, RepoHandle,
};
pub use request::Ack;
pub use statement::varying::{Varying, varying};

/// What the macros' expansions and this project's benches and tests name, and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use diesel::{ConnectionResult, SqliteConnection};

    pub use crate::ledger::entries_of;
    pub use crate::node::{on, position_reads, start};
    pub use crate::repo::{
        Codec, FirstArgument, Packed, ProcedureResult, Registration, Unpacked, call, named_once, portable,
        portable_error,
    };
    pub use crate::statement::capture::capture_size;
}

/// What reads bytes from outside, for `fuzz/` and its corpus, and nobody else.
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod __fuzz {
    pub use crate::config::fuzz::settings;
    pub use crate::litefs::fuzz::{events, info, position, primary};
    pub use crate::rpc::fuzz::{control_answer, control_ask, data_reply, data_request, frames, hello};
}

/// What the migrations tool takes, and nobody else.
#[doc(hidden)]
pub mod __tool {
    pub use crate::config::tool::{ToolDatabase, ToolRepo, ToolSettings};
    pub use crate::migrate::{
        At, Cause, Done, Embedded, EmbeddedError, Failure, Fate, Kind, Lock, Plan, Step, TIMEOUT, Watch,
        applied, apply, check, embedded, has_migrations_table,
    };
    pub use crate::node::{Arrivals, Elsewhere, Sent, Tenure, everywhere, longest_plan, migrate, tenure};
    pub use crate::repo::MigrateError;
}
