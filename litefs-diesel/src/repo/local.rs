//! What an application may name as `local` in `#[litefs_repo(local = …)]`.

use diesel::SqliteConnection;

/// A connection to this node's own file: `diesel::SqliteConnection`, or the application's own type
/// over it.
///
/// Implement it for a type of your own when code that runs inside the database's process is
/// written against that type and not against `SqliteConnection`. Opening the file stays the node's
/// work: it opens a `SqliteConnection`, and wraps it.
///
/// ```
/// use diesel::SqliteConnection;
/// use litefs_diesel::LocalConnection;
///
/// struct LocalConn(SqliteConnection);
///
/// impl LocalConnection for LocalConn {
///     fn from_sqlite(conn: SqliteConnection) -> Self {
///         Self(conn)
///     }
///     fn as_sqlite(&mut self) -> &mut SqliteConnection {
///         &mut self.0
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a local connection",
    label = "neither `SqliteConnection` nor a type that implements `LocalConnection`",
    note = "`local` takes `diesel::SqliteConnection` (the default), or a type of your own over it: `impl litefs_diesel::LocalConnection for {Self}`"
)]
pub trait LocalConnection: Sized + Send + 'static {
    /// Wraps a connection that the node has just opened. Must not fail and must not block.
    fn from_sqlite(conn: SqliteConnection) -> Self;

    /// The connection inside. Must be the one that [`from_sqlite`](Self::from_sqlite) was given.
    fn as_sqlite(&mut self) -> &mut SqliteConnection;
}

impl LocalConnection for SqliteConnection {
    fn from_sqlite(conn: SqliteConnection) -> Self {
        conn
    }

    fn as_sqlite(&mut self) -> &mut SqliteConnection {
        self
    }
}
