//! What may name rows of a table: a key, a predicate, a row that was read, a filtered table.

use diesel::associations::{HasTable, Identifiable};
use diesel::dsl::{Filter, Find};
use diesel::query_builder::{DeleteStatement, IntoUpdateTarget, QueryFragment, QueryId};
use diesel::query_dsl::methods::{FilterDsl, FindDsl};
use diesel::query_source::{QuerySource, Table};
use diesel::sqlite::Sqlite;

use super::query::Decode;
use super::row::{SelectFrom, TableRow};
use super::taken::{TakenQuery, TakenWrite};
use crate::statement::Want;
use crate::statement::capture::{Collected, capture};

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
    fn select<U: TableRow<T>>(self, table: T) -> TakenQuery;
}

#[diagnostic::do_not_recommend]
impl<K, T> KeyOf<T> for K
where
    T: Table + FindDsl<K>,
    T::FromClause: QueryFragment<Sqlite>,
    Find<T, K>: IntoUpdateTarget<Table = T>,
    <Find<T, K> as IntoUpdateTarget>::WhereClause: QueryFragment<Sqlite>,
{
    fn select<U: TableRow<T>>(self, table: T) -> TakenQuery {
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
    fn select<U: TableRow<T>>(self, table: T) -> TakenQuery;
}

#[diagnostic::do_not_recommend]
impl<P, T> PredicateOn<T> for P
where
    T: Table + FilterDsl<P>,
    T::FromClause: QueryFragment<Sqlite>,
    Filter<T, P>: IntoUpdateTarget<Table = T>,
    <Filter<T, P> as IntoUpdateTarget>::WhereClause: QueryFragment<Sqlite>,
{
    fn select<U: TableRow<T>>(self, table: T) -> TakenQuery {
        select_target::<U, _>(table.filter(self))
    }
}

/// A row that knows its table and key: what derives `Identifiable`, by reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which row it is",
    label = "not a row with a key",
    note = "give a reference to a type with `#[derive(Identifiable)]` and `#[diesel(table_name = …)]`, and with `#[diesel(primary_key(…))]` when the key is not `id`"
)]
pub trait KeyedRow: Sized {
    /// The table that the row is in.
    type Of;
    #[doc(hidden)]
    fn select<U: TableRow<Self::Of>>(self) -> TakenQuery;
    #[doc(hidden)]
    fn delete(self) -> TakenWrite;
}

#[diagnostic::do_not_recommend]
impl<R, T, W> KeyedRow for R
where
    R: Identifiable + HasTable<Table = T> + IntoUpdateTarget<WhereClause = W>,
    T: Table<FromClause: QueryFragment<Sqlite>>,
    W: QueryFragment<Sqlite>,
    DeleteStatement<T, W>: QueryFragment<Sqlite> + QueryId,
{
    type Of = T;

    fn select<U: TableRow<T>>(self) -> TakenQuery {
        select_target::<U, _>(self)
    }

    fn delete(self) -> TakenWrite {
        TakenWrite::one(capture(&diesel::delete(self), Want::Count))
    }
}

/// A [`KeyedRow`] whose table's rows are read as `U`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which row it is",
    label = "not a row with a key",
    note = "give a reference to a type with `#[derive(Identifiable)]` and `#[diesel(table_name = …)]`, and with `#[diesel(primary_key(…))]` when the key is not `id`"
)]
pub trait StoredRow<U>: Sized {
    #[doc(hidden)]
    fn select(self) -> (TakenQuery, Decode<U>);
}

// Without `do_not_recommend`: a `U` that does not fit is then told as `TableRow` tells it.
impl<R, U> StoredRow<U> for R
where
    R: KeyedRow,
    U: TableRow<R::Of>,
{
    fn select(self) -> (TakenQuery, Decode<U>) {
        (KeyedRow::select::<U>(self), U::decode())
    }
}

/// The rows that a target names, as `U`.
pub(crate) fn select_target<U, R>(target: R) -> TakenQuery
where
    R: IntoUpdateTarget<Table: Table<FromClause: QueryFragment<Sqlite>>>,
    R::WhereClause: QueryFragment<Sqlite>,
    U: TableRow<R::Table>,
{
    let target = target.into_update_target();
    let select =
        SelectFrom { columns: U::selection(), from: target.table.from_clause(), filter: target.where_clause };
    TakenQuery(Collected::new(&select))
}
