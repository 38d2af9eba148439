//! Queries of our own, for Diesel to run: a captured statement, and control statements that stay
//! prepared.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{BigInt, Binary, Double, Nullable, Text, Untyped};
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteQueryBuilder};

use super::Statement;
use crate::value::ValueRef;

/// A [`Statement`] as a Diesel query, borrowing text and values.
pub(super) struct Fragment<'s> {
    sql: &'s str,
    cacheable: bool,
    binds: Vec<Bind<'s>>,
}

/// A value as Diesel binds it: each with its own SQL type, or Diesel refuses the pair.
pub(super) enum Bind<'s> {
    Null,
    Integer(i64),
    Real(f64),
    Text(Cow<'s, str>),
    /// A text whose bytes are not UTF-8. Diesel binds `str` only, so it travels as a blob and
    /// SQLite is asked to take it for text.
    RawText(Cow<'s, [u8]>),
    Blob(Cow<'s, [u8]>),
}

impl<'s> Fragment<'s> {
    pub(super) fn new(statement: &'s Statement) -> QueryResult<Self> {
        let binds = statement.binds.iter().map(Bind::in_text).collect::<QueryResult<_>>()?;
        Ok(Self { sql: &statement.sql, cacheable: statement.cacheable, binds })
    }
}

impl<'s> From<ValueRef<'s>> for Bind<'s> {
    fn from(value: ValueRef<'s>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(i) => Self::Integer(i),
            ValueRef::Real(f) => Self::Real(f),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Self::Text(text.into()),
                Err(_) => Self::RawText(bytes.into()),
            },
            ValueRef::Blob(bytes) => Self::Blob(bytes.into()),
        }
    }
}

impl<'s> Bind<'s> {
    /// For a `?` that stands in a text of somebody else's: no `CAST` can be put around it.
    fn in_text(value: ValueRef<'s>) -> QueryResult<Self> {
        match Self::from(value) {
            // A captured bind is UTF-8; a peer could send another.
            Self::RawText(_) => Err(Error::SerializationError("a text that is bound must be UTF-8".into())),
            bind => Ok(bind),
        }
    }

    pub(super) fn into_owned(self) -> Bind<'static> {
        match self {
            Self::Null => Bind::Null,
            Self::Integer(i) => Bind::Integer(i),
            Self::Real(f) => Bind::Real(f),
            Self::Text(text) => Bind::Text(text.into_owned().into()),
            Self::RawText(bytes) => Bind::RawText(bytes.into_owned().into()),
            Self::Blob(bytes) => Bind::Blob(bytes.into_owned().into()),
        }
    }

    /// Gives Diesel the value for a `?` that the text holds already.
    fn push_to_text<'b>(&'b self, pass: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        match self {
            Self::Null => pass.push_bind_param_value_only::<Nullable<BigInt>, Option<i64>>(&None),
            Self::Integer(i) => pass.push_bind_param_value_only::<BigInt, i64>(i),
            Self::Real(f) => pass.push_bind_param_value_only::<Double, f64>(f),
            Self::Text(text) => pass.push_bind_param_value_only::<Text, str>(text),
            Self::RawText(bytes) | Self::Blob(bytes) => {
                pass.push_bind_param_value_only::<Binary, [u8]>(bytes)
            }
        }
    }

    /// Writes a `?` and gives Diesel the value for it.
    pub(super) fn push<'b>(&'b self, pass: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        if let Self::RawText(_) = self {
            pass.push_sql("CAST(? AS TEXT)");
        } else {
            pass.push_sql("?");
        }
        self.push_to_text(pass)
    }
}

impl QueryFragment<Sqlite> for Fragment<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        if !self.cacheable {
            pass.unsafe_to_cache_prepared();
        }
        pass.push_sql(self.sql);
        self.binds.iter().try_for_each(|bind| bind.push_to_text(&mut pass))
    }
}

impl QueryId for Fragment<'_> {
    type QueryId = ();
    // One type for all texts: Diesel's statement cache finds it by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Fragment<'_> {
    type SqlType = Untyped;
}

/// A query whose text has been written already: Diesel does not write it again.
pub(crate) struct Worded<T> {
    query: T,
    sql: String,
}

impl<T> Worded<T> {
    pub(crate) fn new(query: T, sql: String) -> Self {
        Self { query, sql }
    }
}

impl<T: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Worded<T> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.query.walk_ast(pass)
    }

    fn to_sql(&self, out: &mut SqliteQueryBuilder, _: &Sqlite) -> QueryResult<()> {
        out.push_sql(&self.sql);
        Ok(())
    }
}

impl<T> QueryId for Worded<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T: Query> Query for Worded<T> {
    type SqlType = T::SqlType;
}

/// A statement that a room runs again and again, kept prepared under the name of its type.
pub(crate) trait Fixed: 'static {
    const SQL: &'static str;
}

/// Runs a [`Fixed`] statement: `conn.execute_returning_count(&Prepared::<Savepoint>::NEW)`.
pub(crate) struct Prepared<F>(PhantomData<F>);

impl<F> Prepared<F> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<F: Fixed> Prepared<F> {
    /// The one row that it gives, of these SQL types.
    pub(crate) fn row<U, ST>(conn: &mut SqliteConnection) -> QueryResult<U>
    where
        U: FromSqlRow<ST, Sqlite>,
    {
        let mut rows = LoadConnection::<DefaultLoadingMode>::load(conn, Self::NEW)?;
        let row = rows.next().ok_or(Error::NotFound)??;
        U::build_from_row(&row).map_err(Error::DeserializationError)
    }
}

impl<F: Fixed> QueryFragment<Sqlite> for Prepared<F> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        pass.push_sql(F::SQL);
        Ok(())
    }
}

impl<F: Fixed> QueryId for Prepared<F> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<F: Fixed> Query for Prepared<F> {
    type SqlType = Untyped;
}
