//! What may name rows of a table: a key, a predicate, a row that was read, a filtered table.

use diesel::associations::{HasTable, Identifiable};
use diesel::dsl::{Filter, Find};
use diesel::query_builder::{DeleteStatement, IntoUpdateTarget, QueryFragment};
use diesel::query_dsl::methods::{FilterDsl, FindDsl};
use diesel::query_source::{QuerySource, Table};
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use super::row::{SelectFrom, TableRow};
use super::standin::{Collected, collect};
use crate::statement::{Statement, Want};

/// A value of the primary key of the table `T`: the column's own type, or a tuple for a composite
/// key.
///
/// Implemented for everything that `table.find(…)` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no primary key of `{T}`",
    label = "not a value of the primary key",
    note = "give what `table.find(…)` takes: a value of the key column's type, and a tuple for a composite key"
)]
pub trait KeyOf<T>: Sized {
    #[doc(hidden)]
    fn select<U: TableRow<T>>(self, table: T) -> QueryResult<Collected>;
}

#[diagnostic::do_not_recommend]
impl<K, T> KeyOf<T> for K
where
    T: Table + FindDsl<K>,
    T::FromClause: QueryFragment<Sqlite>,
    Find<T, K>: IntoUpdateTarget<Table = T>,
    <Find<T, K> as IntoUpdateTarget>::WhereClause: QueryFragment<Sqlite>,
{
    fn select<U: TableRow<T>>(self, table: T) -> QueryResult<Collected> {
        select_target::<U, _>(table.find(self))
    }
}

/// A predicate over the columns of the table `T`.
///
/// Implemented for everything that `table.filter(…)` takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no predicate on `{T}`",
    label = "not a predicate on this table",
    note = "give what `table.filter(…)` takes, over columns of this table alone; for joins and subqueries of other tables use `repo.one(query)`"
)]
pub trait PredicateOn<T>: Sized {
    #[doc(hidden)]
    fn select<U: TableRow<T>>(self, table: T) -> QueryResult<Collected>;
}

#[diagnostic::do_not_recommend]
impl<P, T> PredicateOn<T> for P
where
    T: Table + FilterDsl<P>,
    T::FromClause: QueryFragment<Sqlite>,
    Filter<T, P>: IntoUpdateTarget<Table = T>,
    <Filter<T, P> as IntoUpdateTarget>::WhereClause: QueryFragment<Sqlite>,
{
    fn select<U: TableRow<T>>(self, table: T) -> QueryResult<Collected> {
        select_target::<U, _>(table.filter(self))
    }
}

/// A row that has been read, or anything that knows its table and key: what derives `Identifiable`,
/// by reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which row it is",
    label = "not a row with a key",
    note = "give a reference to a type with `#[derive(Identifiable)]` and `#[diesel(table_name = …)]`; `#[diesel(primary_key(…))]` when the key is not `id`"
)]
pub trait KeyedRow: HasTable<Table: Table<FromClause: QueryFragment<Sqlite>>> + Sized {
    #[doc(hidden)]
    fn select_as<U: TableRow<Self::Table>>(self) -> QueryResult<Collected>;
    #[doc(hidden)]
    fn delete(self) -> QueryResult<Statement>;
}

#[diagnostic::do_not_recommend]
impl<R> KeyedRow for R
where
    R: Identifiable + IntoUpdateTarget,
    <R as HasTable>::Table: Table<FromClause: QueryFragment<Sqlite>>,
    <R as IntoUpdateTarget>::WhereClause: QueryFragment<Sqlite>,
    DeleteStatement<<R as HasTable>::Table, <R as IntoUpdateTarget>::WhereClause>: QueryFragment<Sqlite>,
{
    fn select_as<U: TableRow<Self::Table>>(self) -> QueryResult<Collected> {
        select_target::<U, _>(self)
    }

    fn delete(self) -> QueryResult<Statement> {
        collect(&diesel::delete(self))?.into_statement(Want::Count)
    }
}

/// A [`KeyedRow`] whose table's rows are read as `U`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a row that can be read as `{U}`",
    label = "not a row that is read as `{U}`"
)]
pub trait StoredRow<U>: Sized {
    #[doc(hidden)]
    fn select(self) -> (QueryResult<Collected>, super::query::Decode<U>);
}

impl<R, U> StoredRow<U> for R
where
    R: KeyedRow,
    U: TableRow<<R as HasTable>::Table>,
{
    fn select(self) -> (QueryResult<Collected>, super::query::Decode<U>) {
        (self.select_as::<U>(), U::decode())
    }
}

/// The rows that a target names, as `U`.
pub(crate) fn select_target<U, R>(target: R) -> QueryResult<Collected>
where
    R: IntoUpdateTarget<Table: Table<FromClause: QueryFragment<Sqlite>>>,
    R::WhereClause: QueryFragment<Sqlite>,
    U: TableRow<R::Table>,
{
    let target = target.into_update_target();
    collect(&SelectFrom {
        columns: U::selection(),
        from: target.table.from_clause(),
        filter: target.where_clause,
    })
}
