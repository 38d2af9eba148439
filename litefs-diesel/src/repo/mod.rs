//! The typed methods (`repo.all(…)`, `repo.insert(…)` and the others), and what `#[litefs_repo]`
//! expands into.
//!
//! Each method takes its arguments apart on the caller's thread (so that queries and values may
//! borrow) and returns a [`Read`], a [`Write`] (for a procedure
//! a [`Call`], which is one), a [`Batch`] or a [`RowStream`]: lazy, owning what
//! it needs, a future or a stream itself. All bounds of an argument are folded into one trait of
//! ours, whose message says to a Diesel user what is missing.
//!
//! This room never decides where a write runs, never opens a file, and knows nothing of the
//! network: reads go to the reader pool, writes to the one `Primary` that it is given.

mod batch;
mod blocking;
mod builder;
mod chunks;
mod count;
mod database;
mod handle;
mod insert;
mod key;
mod lazy;
mod lent;
mod level;
mod litefs_repo;
mod local;
mod migrate;
mod procedure;
mod query;
mod read;
mod refuse;
mod row;
mod snapshot;
mod special;
mod spool;
mod state;
mod stream;
mod taken;
mod target;
mod text;
mod update;
mod upsert;
mod write;

pub use batch::Batch;
pub use blocking::Run;
pub use builder::{Read, Write};
pub use count::AnyQuery;
pub(crate) use database::{Database, Here};
pub use handle::RepoHandle;
pub use insert::{InsertRecord, InsertRecords};
pub(crate) use lent::Lent;
pub use level::ReadLevel;
pub use litefs_repo::LitefsRepo;
pub use local::LocalConnection;
#[doc(hidden)]
pub use migrate::MigrateError;
pub(crate) use migrate::ended;
pub use procedure::{
    Call, CallError, DbError, Portable, Procedure, ProcedureError, Registered, Registration,
};
#[doc(hidden)]
pub use procedure::{
    Codec, FirstArgument, Packed, ProcedureResult, Unpacked, call, named_once, portable, portable_error,
};
pub use query::ReadQuery;
pub use row::TableRow;
pub use snapshot::ReadRun;
pub use state::{Health, Roles};
pub use stream::RowStream;
pub use target::{KeyOf, KeyedRow, PredicateOn, StoredRow};
pub use update::{Changes, ChangesOf, RowChanges, WriteTarget};
pub use upsert::{ConflictColumns, UpsertRow};
pub use write::{ReturningStatement, WriteStatement};

#[cfg(test)]
mod tests;
