//! What the library under test brings to the benches. The references are elsewhere; a bench that
//! gets `None` from here prints its reference alone.

use std::path::Path;

use litefs_diesel_tests::bench::Outcome;

use crate::context::Site;
use crate::operation::{AsyncOp, Op};
use crate::schema::Shape;

/// The library serving reads of the benches' database.
pub(crate) trait Reads {
    /// `shape` on a `LitefsConnection` of its own: `operation::read_op(repo.connection()?, shape)`.
    fn on_connection(&self, shape: Shape) -> Outcome<Op>;

    /// `shape` by the repo's async methods: `get` for a row by its key, `all` for several.
    fn by_repo(&self, shape: Shape) -> Outcome<AsyncOp>;
}

/// The library on both nodes of a cluster: one node serves the primary's mount, the other is asked.
/// `Reads` are the replica's.
pub(crate) trait Replicated: Reads {
    /// One insert of a row with two values, as `primary::Insert` does it, asked for on the replica
    /// and returned when visible there.
    fn write(&self) -> Outcome<AsyncOp>;

    /// How often the replica's node has read a position from the file system, so far.
    fn position_reads(&self) -> u64;
}

/// The library alone, without LiteFS, on a database that [`schema::create`](crate::schema::create) made.
pub(crate) fn alone(_database: &Path) -> Outcome<Option<Box<dyn Reads>>> {
    Ok(None)
}

/// The library on the two nodes of `site`, with the database [`Site::database`].
pub(crate) fn replicated(_site: &Site) -> Outcome<Option<Box<dyn Replicated>>> {
    Ok(None)
}

/// Capture alone of an insert with two binds: what happens on the caller's thread before a write is
/// sent.
pub(crate) fn capture() -> Outcome<Option<Op>> {
    Ok(None)
}
