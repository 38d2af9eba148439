//! A Diesel query becomes a [`Statement`]: its text, and its binds as values.
//!
//! Diesel keeps collected binds to itself. What it does let out is data that can be bound to
//! another statement, so the values are read back from `SELECT ?,?,…` on a `:memory:` connection
//! of this thread: SQLite's own answer to what each bind is, custom types included.

use std::cell::RefCell;
use std::fmt::Debug;

use diesel::backend::Backend;
use diesel::connection::{Connection, DefaultLoadingMode, LoadConnection};
use diesel::query_builder::{
    AstPass, CollectedQuery, MoveableBindCollector, Query, QueryBuilder, QueryFragment, QueryId,
};
use diesel::result::{ConnectionError, QueryResult};
use diesel::row::{Field, Row};
use diesel::sql_types::Untyped;
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteQueryBuilder};

use super::execute::push_value;
use super::{Statement, Want};
use crate::value::Values;

type Collector<'a> = <Sqlite as Backend>::BindCollector<'a>;
type BindData = <Collector<'static> as MoveableBindCollector<Sqlite>>::BindData;

/// Takes the query's text and binds as values that can travel. Nothing of the query is borrowed
/// afterwards.
///
/// An error is the query's own: a value that cannot be serialised.
pub(crate) fn capture<T>(query: &T, want: Want) -> QueryResult<Statement>
where
    T: QueryFragment<Sqlite>,
{
    Collected::new(query)?.into_statement(want)
}

/// Captures a query and says how many bytes its binds take, for the bench of capturing.
#[doc(hidden)]
pub fn capture_size<T: QueryFragment<Sqlite>>(query: &T) -> QueryResult<usize> {
    capture(query, Want::Count).map(|statement| statement.binds.byte_len())
}

/// A query that owns what it needs, its binds still in Diesel's own form: enough for a connection
/// of this process, which never needs the values.
pub(crate) struct Collected {
    sql: String,
    cacheable: bool,
    binds: BindData,
}

impl Collected {
    pub(crate) fn new<T: QueryFragment<Sqlite>>(query: &T) -> QueryResult<Self> {
        let mut sql = SqliteQueryBuilder::default();
        query.to_sql(&mut sql, &Sqlite)?;
        let cacheable = query.is_safe_to_cache_prepared(&Sqlite)?;
        Self::from_parts(sql.finish(), cacheable, std::slice::from_ref(query))
    }

    /// `sql` with the binds of `parts`, in order: for a text that was put together from the texts
    /// of several fragments.
    pub(crate) fn from_parts<T: QueryFragment<Sqlite>>(
        sql: String,
        cacheable: bool,
        parts: &[T],
    ) -> QueryResult<Self> {
        let mut binds = Collector::default();
        for part in parts {
            part.collect_binds(&mut binds, &mut (), &Sqlite)?;
        }
        Ok(Self { sql, cacheable, binds: binds.moveable() })
    }

    /// The same with its text inside another: `before (text) after`.
    pub(crate) fn within(mut self, before: &str, after: &str) -> Self {
        // A new line, because the text may end in a comment; and no `;`, which ends a statement.
        let text = self.sql.trim_end_matches(|c: char| c == ';' || c.is_ascii_whitespace());
        self.sql = format!("{before} ({text}\n) {after}");
        self
    }

    pub(crate) fn sql(&self) -> &str {
        &self.sql
    }

    /// As a query for a connection of this process.
    pub(super) fn into_query(self) -> CollectedQuery<BindData> {
        CollectedQuery::new(self.sql, self.cacheable, self.binds)
    }

    /// For the wire.
    pub(crate) fn into_statement(self, want: Want) -> QueryResult<Statement> {
        Ok(Statement { binds: values(self.binds)?, sql: self.sql, cacheable: self.cacheable, want })
    }
}

/// Binds as values: read back from the `SELECT` that they are bound to.
fn values(data: BindData) -> QueryResult<Values> {
    let count = count(&data);
    if count == 0 {
        return Ok(Values::new());
    }
    with_scratch(|scratch| match count {
        // The usual statements have few binds: a type of their own each lets Diesel find the
        // prepared `SELECT` without writing its text.
        1 => read_back(scratch, Few::<1>::new(data)),
        2 => read_back(scratch, Few::<2>::new(data)),
        3 => read_back(scratch, Few::<3>::new(data)),
        4 => read_back(scratch, Few::<4>::new(data)),
        5 => read_back(scratch, Few::<5>::new(data)),
        6 => read_back(scratch, Few::<6>::new(data)),
        7 => read_back(scratch, Few::<7>::new(data)),
        8 => read_back(scratch, Few::<8>::new(data)),
        _ => read_back_many(scratch, data, count),
    })
}

/// How many binds there are. The collected data is the one source for it: a `?` in the text may
/// stand in a string, and `?1` may stand twice.
fn count(data: &BindData) -> usize {
    let mut binds: Vec<Box<dyn Debug>> = Vec::new();
    Collector::push_debug_binds(data, &mut binds);
    binds.len()
}

thread_local! {
    static SCRATCH: RefCell<Option<SqliteConnection>> = const { RefCell::new(None) };
}

/// Runs `f` with this thread's scratch connection.
pub(super) fn with_scratch<R>(f: impl FnOnce(&mut SqliteConnection) -> QueryResult<R>) -> QueryResult<R> {
    // Taken out while it is used: a value's `ToSql` could itself capture a query.
    let mut scratch = match SCRATCH.take() {
        Some(scratch) => scratch,
        None => open_scratch()?,
    };
    let result = f(&mut scratch);
    SCRATCH.set(Some(scratch));
    result
}

/// A `:memory:` connection that tells nobody's instrumentation what it does.
pub(super) fn open_scratch() -> QueryResult<SqliteConnection> {
    let mut scratch = SqliteConnection::establish(":memory:").map_err(|error| match error {
        ConnectionError::CouldntSetupConfiguration(error) => error,
        other => diesel::result::Error::QueryBuilderError(other.into()),
    })?;
    scratch.set_instrumentation(None::<Box<dyn diesel::connection::Instrumentation>>);
    Ok(scratch)
}

fn read_back<Q>(scratch: &mut SqliteConnection, select: Q) -> QueryResult<Values>
where
    Q: Query<SqlType = Untyped> + QueryFragment<Sqlite> + QueryId,
{
    let mut values = Values::new();
    push_columns(scratch, select, &mut values)?;
    Ok(values)
}

fn push_columns<Q>(scratch: &mut SqliteConnection, select: Q, values: &mut Values) -> QueryResult<()>
where
    Q: Query<SqlType = Untyped> + QueryFragment<Sqlite> + QueryId,
{
    let mut rows = LoadConnection::<DefaultLoadingMode>::load(scratch, select)?;
    if let Some(row) = rows.next() {
        let row = row?;
        for column in 0..row.field_count() {
            push_value(values, row.get(column).as_ref().and_then(Field::value));
        }
    }
    Ok(())
}

/// SQLite's default limit of columns in a result.
const COLUMNS: usize = 2_000;

/// More binds than a result has columns come as a compound of rows.
fn read_back_many(scratch: &mut SqliteConnection, data: BindData, count: usize) -> QueryResult<Values> {
    let row = |width: usize| format!("({})", vec!["?"; width].join(","));
    if count <= COLUMNS {
        let select = format!("SELECT {}", vec!["?"; count].join(","));
        return read_back(scratch, CollectedQuery::new(select, false, data));
    }
    // All binds are in one piece of data, so all are bound at once: rows of equal width, the last
    // one filled up.
    let rest = count % COLUMNS;
    let mut rows = vec![row(COLUMNS); count / COLUMNS];
    if rest > 0 {
        rows.push(format!("({}{})", vec!["?"; rest].join(","), ",NULL".repeat(COLUMNS - rest)));
    }
    let select = format!("VALUES {}", rows.join(","));
    let mut values = Values::new();
    let select = CollectedQuery::new(select, false, data);
    for row in LoadConnection::<DefaultLoadingMode>::load(scratch, select)? {
        let row = row?;
        for column in 0..row.field_count() {
            if values.len() < count {
                push_value(&mut values, row.get(column).as_ref().and_then(Field::value));
            }
        }
    }
    Ok(values)
}

/// `SELECT ?,?,…` with `N` variables. Its type is its name in Diesel's statement cache.
struct Few<const N: usize>(CollectedQuery<BindData>);

impl<const N: usize> Few<N> {
    const SELECT: &'static str = {
        assert!(N >= 1 && N <= 8);
        "SELECT ?,?,?,?,?,?,?,?".split_at(7 + 2 * N - 1).0
    };

    fn new(data: BindData) -> Self {
        // Only `walk_ast` of the inner query that writes the text needs it, once a thread.
        Self(CollectedQuery::new(Self::SELECT.to_owned(), true, data))
    }
}

impl<const N: usize> QueryFragment<Sqlite> for Few<N> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }
}

impl<const N: usize> QueryId for Few<N> {
    type QueryId = Few<N>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<const N: usize> Query for Few<N> {
    type SqlType = Untyped;
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::{BigInt, Binary, Double, Integer, Nullable, Text};

    use super::*;
    use crate::value::ValueRef;

    fn captured<T: QueryFragment<Sqlite>>(query: T) -> Statement {
        capture(&query, Want::Rows).unwrap()
    }

    #[test]
    fn every_kind_of_bind_comes_back_as_sqlite_keeps_it() {
        let query = diesel::sql_query("SELECT ?,?,?,?,?,?,?")
            .bind::<Integer, _>(7)
            .bind::<BigInt, _>(i64::MIN)
            .bind::<Double, _>(f64::INFINITY)
            .bind::<Double, _>(f64::NAN)
            .bind::<Text, _>("a\0ü")
            .bind::<Binary, _>(vec![0u8, 255])
            .bind::<Nullable<Text>, _>(None::<String>);
        let statement = captured(query);
        assert_eq!(
            statement.binds.iter().collect::<Vec<_>>(),
            [
                ValueRef::Integer(7),
                ValueRef::Integer(i64::MIN),
                ValueRef::Real(f64::INFINITY),
                // SQLite has no NaN: it binds NULL.
                ValueRef::Null,
                ValueRef::Text("a\0ü".as_bytes()),
                ValueRef::Blob(&[0, 255]),
                ValueRef::Null,
            ]
        );
        assert!(!statement.cacheable, "sql_query is never kept prepared");
    }

    #[test]
    fn any_number_of_binds_is_read_back_in_order() {
        for count in [0, 1, 8, 9, 1_999, 2_000, 2_001, 4_000, 32_766] {
            let mut query = diesel::sql_query("SELECT 1").into_boxed::<Sqlite>();
            for i in 0..count {
                query = query.bind::<BigInt, _>(i);
            }
            let binds = captured(query).binds;
            assert!(binds.iter().eq((0..count).map(ValueRef::Integer)), "{count} binds");
        }
    }

    #[test]
    fn the_number_of_binds_does_not_come_from_the_text() {
        let query = diesel::sql_query("SELECT '?', ?1, ?1 -- ?").bind::<Integer, _>(7);
        assert_eq!(captured(query).binds.len(), 1);
    }

    #[test]
    fn a_large_bind_is_kept_whole() {
        let blob = vec![3u8; 1 << 20];
        let query = diesel::sql_query("SELECT ?").bind::<Binary, _>(&blob);
        assert_eq!(captured(query).binds.iter().next(), Some(ValueRef::Blob(&blob)));
    }
}
