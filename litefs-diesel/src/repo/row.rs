//! What may stand for a row: the type that the caller names.

use diesel::deserialize::FromSqlRow;
use diesel::expression::{Expression, Selectable, SelectableExpression};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use super::query::Decode;

/// A type that a row of the table `T` is read as: one that derives `Queryable` and `Selectable`.
///
/// It says which columns are read, so that a method needs nothing but the type. Implemented for
/// every such type; there is no need to implement it by hand.
#[diagnostic::on_unimplemented(
    message = "a row of `{T}` cannot be read as `{Self}`",
    label = "`{Self}` is not `Selectable` from `{T}`",
    note = "give it `#[derive(Queryable, Selectable)]` and `#[diesel(table_name = …)]` with the table's name; the fields' types must fit the columns, and be `Send + Sync`",
    note = "`!` for the type means that none was named: `let user: User = …`",
    note = "for single columns or tuples, use `repo.all(table.select(…))` and `repo.returning(statement.returning(…))`"
)]
pub trait TableRow<T>: Sized + Send + Sync + 'static {
    #[doc(hidden)]
    type Selection: QueryFragment<Sqlite>;
    #[doc(hidden)]
    fn selection() -> Self::Selection;
    #[doc(hidden)]
    fn decode() -> Decode<Self>;
}

#[diagnostic::do_not_recommend]
impl<T, U, ST> TableRow<T> for U
where
    U: Selectable<Sqlite> + FromSqlRow<ST, Sqlite> + Send + Sync + 'static,
    U::SelectExpression: SelectableExpression<T> + Expression<SqlType = ST> + QueryFragment<Sqlite>,
    ST: 'static,
{
    type Selection = U::SelectExpression;

    fn selection() -> Self::Selection {
        U::construct_selection()
    }

    fn decode() -> Decode<Self> {
        Decode::of::<ST>()
    }
}

/// A statement, and the columns of `U` that it gives back.
pub(crate) struct Returning<S, C> {
    pub(crate) statement: S,
    pub(crate) columns: C,
}

impl<S: QueryFragment<Sqlite>, C: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Returning<S, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.statement.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING ");
        self.columns.walk_ast(out.reborrow())
    }
}

/// `SELECT` the columns of `U` of the rows that a target names.
pub(crate) struct SelectFrom<C, F, W> {
    pub(crate) columns: C,
    pub(crate) from: F,
    pub(crate) filter: W,
}

impl<C, F, W> QueryFragment<Sqlite> for SelectFrom<C, F, W>
where
    C: QueryFragment<Sqlite>,
    F: QueryFragment<Sqlite>,
    W: QueryFragment<Sqlite>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.from.walk_ast(out.reborrow())?;
        self.filter.walk_ast(out.reborrow())
    }
}
