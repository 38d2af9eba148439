//! The database of a mount as plain SQLite shows it, for tests of LiteFS itself: no line of the
//! library under test runs here.
//!
//! Each call has a connection of its own: an open file keeps LiteFS from unmounting.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::cluster::{Cluster, Lease};
use crate::wait::{self, PATIENCE};

/// The database that these functions use, in a node's mount.
pub const DATABASE: &str = "app.db";

/// Applying what comes from the primary takes all locks for a moment.
const BUSY: &str = "PRAGMA busy_timeout = 10000";

/// Runs SQL on `app.db` of a mount.
///
/// # Panics
/// When SQLite refuses it.
pub fn write(mount: &Path, sql: &str) {
    try_write(mount, sql).unwrap();
}

/// The same where SQLite may refuse.
///
/// # Errors
/// SQLite's own.
pub fn try_write(mount: &Path, sql: &str) -> QueryResult<()> {
    let url = mount.join(DATABASE);
    let conn = SqliteConnection::establish(&url.to_string_lossy());
    let mut conn = conn.map_err(|error| diesel::result::Error::QueryBuilderError(error.into()))?;
    conn.batch_execute(BUSY)?;
    conn.batch_execute(sql)
}

/// The ids in the table `rows` of a mount's `app.db`, in order; opened read-only.
///
/// # Panics
/// When SQLite refuses to read them.
#[must_use]
pub fn ids(mount: &Path) -> Vec<i64> {
    diesel::table! { rows (id) { id -> BigInt, } }
    rows::table.select(rows::id).order(rows::id).load(&mut reader(mount)).unwrap()
}

/// How many rows the table `rows` has.
///
/// # Panics
/// As [`ids`].
#[must_use]
pub fn count(mount: &Path) -> usize {
    ids(mount).len()
}

/// Three nodes whose `app.db` has an empty table `rows`, node 0 the primary.
///
/// # Panics
/// When they do not get there.
#[must_use]
pub fn three_nodes(lease: impl Into<Lease>) -> Cluster {
    let cluster = Cluster::start_with(3, lease).unwrap();
    write(cluster.mount(0), "CREATE TABLE rows (id INTEGER PRIMARY KEY)");
    cluster.wait_replicated(0, DATABASE).unwrap();
    cluster
}

/// Writes row `id` on a node, which should be primary.
///
/// # Panics
/// When SQLite refuses it.
pub fn insert(cluster: &Cluster, node: usize, id: i64) {
    write(cluster.mount(node), &format!("INSERT INTO rows VALUES ({id})"));
}

/// Waits until a node has row `id`.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub fn wait_row(cluster: &Cluster, node: usize, id: i64) {
    let have = || {
        let ids = ids(cluster.mount(node));
        if ids.contains(&id) { Ok(()) } else { Err(format!("node {node} has {ids:?} and not {id}")) }
    };
    wait::until(PATIENCE, have).unwrap();
}

/// A connection with an open read transaction on a mount's `app.db`: it stalls replication on that
/// node until dropped.
///
/// # Panics
/// When SQLite refuses.
#[must_use]
pub fn hold_read(mount: &Path) -> SqliteConnection {
    let mut conn = reader(mount);
    conn.batch_execute("BEGIN; SELECT count(*) FROM rows").unwrap();
    conn
}

fn reader(mount: &Path) -> SqliteConnection {
    let file = format!("file:{}?mode=ro", mount.join(DATABASE).display());
    let mut conn = SqliteConnection::establish(&file).unwrap();
    conn.batch_execute(BUSY).unwrap();
    conn
}
