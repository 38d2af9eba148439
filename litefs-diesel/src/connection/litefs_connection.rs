//! The public type.

use std::sync::Arc;

use diesel::connection::{AnsiTransactionManager, Connection, TransactionManager};
use diesel::result::{ConnectionResult, Error, QueryResult};
use diesel::sqlite::SqliteConnection;

use super::access::Access;
use super::node::NodeConnection;
use super::registry;

/// A Diesel connection for SQLite under LiteFS: code that is written for
/// [`SqliteConnection`] works on it unchanged.
///
/// [`establish`](Connection::establish) takes every URL that `SqliteConnection` takes. When a
/// [`Node`](crate::Node) that this process started serves the file, reads run on this node's file and
/// writes on the primary; otherwise the connection is *alone*, and is a bare `SqliteConnection` in
/// every respect (`:memory:` and `mode=ro` are always alone).
///
/// ```
/// use diesel::prelude::*;
/// use litefs_diesel::LitefsConnection;
///
/// diesel::table! { users { id -> Integer, name -> Text, } }
///
/// let mut conn = LitefsConnection::establish(":memory:")?;
/// diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)").execute(&mut conn)?;
/// diesel::insert_into(users::table).values(users::name.eq("Ada")).execute(&mut conn)?;
/// let names: Vec<String> = users::table.select(users::name).load(&mut conn)?;
/// assert_eq!(names, ["Ada"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # On the database of a node
///
/// - **A write returns when this node can read it back.** It blocks the calling thread for at most
///   the node's timeout; any thread may call, one of an async runtime too (though it is then
///   blocked: `repo.run` does it off the executor).
/// - **A transaction runs wholly on the primary**, its reads included, and keeps all other writers
///   waiting until it ends; one that is idle or open for too long is rolled back. Each kind of
///   `BEGIN` takes the write lock at once, whether a write will come or not: one that only reads
///   belongs into [`read_transaction`](Self::read_transaction).
/// - **Errors** that the database gives are equal to `SqliteConnection`'s, kind and message. Every
///   other outcome is in the error; [`outcome`](crate::outcome) takes it out.
/// - **`last_insert_rowid()` and `changes()`** answer as after this connection's own last write.
///   `total_changes()` counts this connection's writes without what triggers did.
/// - A **`PRAGMA`** that tunes reading is applied here. `foreign_keys` and `journal_mode` are
///   accepted when they ask for what the node has, and else refused with an error that names the
///   setting. What sets how a connection writes is refused: it belongs into `Config::on_open`.
/// - **TEMP tables and `ATTACH`** are refused outside of a transaction: they belong to one
///   connection, and statements run on two. `VACUUM` runs on the primary (under
///   LiteFS 0.5 in WAL mode only where the database has at most 256 pages: a larger one that
///   shrinks would lock LiteFS up), `VACUUM INTO` here.
/// - **`batch_execute`** of several statements without transaction control is all or nothing;
///   a bare `SqliteConnection` keeps what came before an error.
///
/// - **Diesel's migrations** (`conn.run_pending_migrations(MIGRATIONS)`) run once each, however many connections and
///   nodes do it at the same time: what another one has applied meanwhile is passed over. For that, after
///   Diesel has looked which are pending, a transaction that begins with `batch_execute` is not sent
///   before it is known to be a migration or not; so an error of such a text is told by
///   the next statement, or by `COMMIT`. That ends with the first query outside of a transaction, or the first
///   transaction that is no migration. Looking what is pending writes nothing. A migration in Rust, and one that
///   runs without a transaction, runs as it is; [`RepoHandle::migrate`](crate::RepoHandle::migrate) does all that
///   are pending in one request.
/// - **A query that calls a function of the application's own** is read to its end before its first
///   row is given: such a function may write, as some of SQLite's extensions do.
///
/// # What Diesel does not let it do
///
/// | instead of | write |
/// |---|---|
/// | `get_result(s)` on a batch insert of several rows (does not compile: Diesel has it for `SqliteConnection` alone) | `repo.insert_all_returning`, or a loop in a transaction |
/// | `define_sql_function!`'s `register_impl(&mut conn, …)`, `register_collation` | the same in `Config::on_open`, which has a `SqliteConnection` |
/// | `serialize_database_to_buffer`, `deserialize_readonly_database_from_buffer` | the same on a `SqliteConnection` of your own |
///
/// A connection keeps this node's file open, and LiteFS cannot be restarted under it. In r2d2's pool
/// an idle one lets go of the file when LiteFS stops; one that is held elsewhere does with its next
/// use, or when it is dropped.
///
/// An open cursor (`load_iter`) holds a read transaction, and one on any database keeps LiteFS from
/// applying what others wrote: read it to its end soon.
pub struct LitefsConnection {
    pub(super) way: Way,
    /// SQLite's types need no looking up, but Diesel wants a place for it.
    pub(super) lookup: (),
}

/// Where its statements go.
pub(super) enum Way {
    /// To a file that no node of this process serves.
    Alone(Box<SqliteConnection>),
    /// To a database of a node.
    Node(Box<NodeConnection>),
}

impl LitefsConnection {
    /// A connection to a node's database. Blocks while the file is opened.
    pub(crate) fn on(access: Arc<Access>) -> ConnectionResult<Self> {
        Ok(Way::Node(Box::new(NodeConnection::open(access)?)).into())
    }

    /// What `establish` does.
    pub(super) fn open(url: &str) -> ConnectionResult<Self> {
        match registry::find(url) {
            Some(access) => Self::on(access),
            None => Ok(Way::Alone(Box::new(SqliteConnection::establish(url)?)).into()),
        }
    }

    /// Runs a transaction that begins with `BEGIN IMMEDIATE`, as
    /// [`SqliteConnection::immediate_transaction`] does. On a node's database every transaction
    /// takes the write lock at once.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use litefs_diesel::LitefsConnection;
    /// # let mut conn = LitefsConnection::establish(":memory:").unwrap();
    /// conn.immediate_transaction(|_conn| QueryResult::Ok(()))?;
    /// # diesel::QueryResult::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyInTransaction`] in a transaction, and those of the closure and of `COMMIT`.
    pub fn immediate_transaction<T, E, F>(&mut self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<Error>,
    {
        self.transaction_sql("BEGIN IMMEDIATE", f)
    }

    /// Runs a transaction that begins with `BEGIN EXCLUSIVE`, as
    /// [`SqliteConnection::exclusive_transaction`] does.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use litefs_diesel::LitefsConnection;
    /// # let mut conn = LitefsConnection::establish(":memory:").unwrap();
    /// conn.exclusive_transaction(|_conn| QueryResult::Ok(()))?;
    /// # diesel::QueryResult::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyInTransaction`] in a transaction, and those of the closure and of `COMMIT`.
    pub fn exclusive_transaction<T, E, F>(&mut self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<Error>,
    {
        self.transaction_sql("BEGIN EXCLUSIVE", f)
    }

    fn transaction_sql<T, E, F>(&mut self, begin: &str, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<Error>,
    {
        AnsiTransactionManager::begin_transaction_sql(self, begin)?;
        match f(self) {
            Ok(value) => {
                AnsiTransactionManager::commit_transaction(self)?;
                Ok(value)
            }
            Err(error) => {
                AnsiTransactionManager::rollback_transaction(self)?;
                Err(error)
            }
        }
    }

    /// Whether a transaction is open on the primary that Diesel does not know of, because it began
    /// with a `BEGIN` of the application's own: a pool must not hand such a connection on.
    pub(super) fn is_left_open(&mut self) -> bool {
        let open = match &self.way {
            Way::Alone(_) => false,
            Way::Node(node) => !node.transaction.is_none(),
        };
        open && matches!(
            AnsiTransactionManager::transaction_manager_status_mut(self).transaction_depth(),
            Ok(None)
        )
    }

    /// A pool takes it back: LiteFS can stop and start while it lies there, for the node then may
    /// close its file. The next use opens it anew.
    pub(super) fn lay_away(&mut self) -> QueryResult<()> {
        match &mut self.way {
            Way::Alone(_) => Ok(()),
            Way::Node(node) => {
                node.end_migrating();
                node.local.rest(&node.access)
            }
        }
    }

    /// Closes this node's file until the next read: LiteFS can neither unmount nor, after a crash,
    /// mount again while a process holds one. The node closes what it opened itself, and what lies
    /// in a pool of r2d2; any other connection that the application holds keeps its file open
    /// until it is dropped, used, or closed by this. A transaction is not touched, and nothing
    /// happens to a connection that is alone.
    ///
    /// # Errors
    /// When the file cannot be closed now, because it is in use.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use litefs_diesel::LitefsConnection;
    ///
    /// let mut conn = LitefsConnection::establish(":memory:")?;
    /// conn.close_file()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close_file(&mut self) -> QueryResult<()> {
        match &mut self.way {
            Way::Alone(_) => Ok(()),
            Way::Node(node) => node.local.close(),
        }
    }
}

impl From<Way> for LitefsConnection {
    fn from(way: Way) -> Self {
        Self { way, lookup: () }
    }
}

impl std::fmt::Debug for LitefsConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.way {
            Way::Alone(_) => f.write_str("LitefsConnection(alone)"),
            Way::Node(node) => write!(f, "LitefsConnection(repo {})", node.access.name),
        }
    }
}
