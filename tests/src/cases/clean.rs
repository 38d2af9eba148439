//! A fresh set of tables before each case, and a connection as it was after it.

use diesel::connection::{CacheSize, LoadConnection, get_default_instrumentation};
use diesel::connection::{Connection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;

use super::schema::CREATE;

/// What a case needs of a connection to be prepared and taken back.
pub trait Cleanable: Connection<Backend = Sqlite> + LoadConnection {}
impl<C: Connection<Backend = Sqlite> + LoadConnection> Cleanable for C {}

#[derive(QueryableByName)]
struct Object {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    definition: String,
}

/// Drops whatever a case left and makes the tables anew, through the connection under test.
///
/// # Errors
/// As the connection's.
pub fn prepare<C: Cleanable>(conn: &mut C) -> QueryResult<()> {
    // A bare connection does not check foreign keys unless told to; a node's does.
    conn.batch_execute("PRAGMA foreign_keys = ON")?;
    let sql = format!("{}{CREATE}", drops(conn)?);
    conn.batch_execute(&sql)
}

/// Leaves no table of the cases behind.
///
/// # Errors
/// As the connection's.
pub fn clear<C: Cleanable>(conn: &mut C) -> QueryResult<()> {
    let sql = drops(conn)?;
    if sql.is_empty() { Ok(()) } else { conn.batch_execute(&sql) }
}

/// Rolls back what a case left open and undoes its settings; says whether it left anything.
pub fn restore<C: Cleanable>(conn: &mut C) -> bool {
    conn.set_instrumentation(get_default_instrumentation());
    conn.set_prepared_statement_cache_size(CacheSize::Unbounded);
    let mut left_open = false;
    while depth(conn) != Some(0) {
        left_open = true;
        if C::TransactionManager::rollback_transaction(conn).is_err() {
            break;
        }
    }
    left_open
}

/// How many transactions and savepoints the manager believes to be open; `None` when it is
/// broken.
pub fn depth<C: Connection>(conn: &mut C) -> Option<u32> {
    let status = C::TransactionManager::transaction_manager_status_mut(conn);
    status.transaction_depth().ok().map(|depth| depth.map_or(0, u32::from))
}

/// The statements that drop the cases' objects: the youngest first, because a parent cannot be
/// dropped before its children.
fn drops<C: Cleanable>(conn: &mut C) -> QueryResult<String> {
    let objects: Vec<Object> = diesel::sql_query(
        "SELECT type AS kind, name, sql AS definition FROM sqlite_master \
         WHERE name LIKE 'case\\_%' ESCAPE '\\' AND type IN ('table', 'view') ORDER BY rowid DESC",
    )
    .load(conn)?;
    // A virtual table drops its shadow tables, which nobody else may.
    let shadows: Vec<String> = objects
        .iter()
        .filter(|object| object.definition.starts_with("CREATE VIRTUAL"))
        .map(|object| format!("{}_", object.name))
        .collect();
    Ok(objects
        .iter()
        .filter(|object| !shadows.iter().any(|shadow| object.name.starts_with(shadow)))
        .map(|object| format!("DROP {} {};\n", object.kind, object.name))
        .collect())
}
