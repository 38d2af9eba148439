//! What an application may name as `local` in `#[litefs_repo(local = …)]`.

use diesel::{Connection, ConnectionResult, SqliteConnection};

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

    /// Runs `work` with `conn` as this type, and has `conn` back in its place when `work` returns or
    /// panics. It is what a procedure's call on the primary goes through.
    ///
    /// As provided, an empty in-memory database stands in `conn`'s place meanwhile, which costs some
    /// 15 µs; `SqliteConnection` itself is passed through. A type that can be made of a
    /// `&mut SqliteConnection` may do better.
    ///
    /// # Errors
    /// When the one that stands in cannot be opened; then `work` has not run.
    ///
    /// ```
    /// # struct LocalConn(SqliteConnection);
    /// # impl LocalConnection for LocalConn {
    /// #     fn from_sqlite(conn: SqliteConnection) -> Self {
    /// #         Self(conn)
    /// #     }
    /// #     fn as_sqlite(&mut self) -> &mut SqliteConnection {
    /// #         &mut self.0
    /// #     }
    /// # }
    /// use diesel::{Connection, SqliteConnection};
    /// use litefs_diesel::LocalConnection;
    ///
    /// let mut conn = SqliteConnection::establish(":memory:")?;
    /// let sum = LocalConn::with(&mut conn, |_conn: &mut LocalConn| 1 + 1)?;
    /// assert_eq!(sum, 2);
    /// # Ok::<_, diesel::ConnectionError>(())
    /// ```
    fn with<R>(conn: &mut SqliteConnection, work: impl FnOnce(&mut Self) -> R) -> ConnectionResult<R> {
        let stand_in = SqliteConnection::establish(":memory:")?;
        let local = Self::from_sqlite(std::mem::replace(conn, stand_in));
        let mut taken = Taken { place: conn, local };
        Ok(work(&mut taken.local))
    }
}

/// A connection that is out of its place; dropping this puts it back.
struct Taken<'a, L: LocalConnection> {
    place: &'a mut SqliteConnection,
    local: L,
}

impl<L: LocalConnection> Drop for Taken<'_, L> {
    fn drop(&mut self) {
        std::mem::swap(self.place, self.local.as_sqlite());
    }
}

impl LocalConnection for SqliteConnection {
    fn from_sqlite(conn: SqliteConnection) -> Self {
        conn
    }

    fn as_sqlite(&mut self) -> &mut SqliteConnection {
        self
    }

    fn with<R>(conn: &mut SqliteConnection, work: impl FnOnce(&mut Self) -> R) -> ConnectionResult<R> {
        Ok(work(conn))
    }
}
