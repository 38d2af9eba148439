//! What may be asked: any Diesel query whose rows are a `U`.

use std::fmt;

use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::query_dsl::CompatibleType;
use diesel::result::QueryResult;
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::taken::TakenQuery;
use crate::statement::Rows;
use crate::statement::capture::Collected;
use crate::statement::load::load_typed;
use crate::statement::replay::replay_as;

/// A Diesel query whose rows can be read as `U`: a table, a `SELECT` however built, boxed and
/// borrowed ones too, `sql_query`.
///
/// Implemented for every such query; there is no need to implement it by hand.
#[diagnostic::on_unimplemented(
    message = "the rows of this query cannot be read as `{U}`",
    label = "not a query for SQLite whose rows are `{U}`",
    note = "the fields of `{U}` must fit the query's columns in number, order and type: select them with `.select({U}::as_select())`, where `{U}` derives `Queryable` and `Selectable`",
    note = "for `sql_query`, `{U}` derives `QueryableByName`",
    note = "`!` for the type means that none was named: `let users: Vec<User> = …`, or `repo.all::<User>(query)`"
)]
pub trait ReadQuery<U>: Sized {
    #[doc(hidden)]
    fn collect_query(self) -> (TakenQuery, Decode<U>);
}

#[diagnostic::do_not_recommend]
impl<Q, U, ST> ReadQuery<U> for Q
where
    Q: AsQuery,
    Q::Query: QueryFragment<Sqlite> + QueryId,
    Q::SqlType: CompatibleType<U, Sqlite, SqlType = ST>,
    U: FromSqlRow<ST, Sqlite> + Send + 'static,
    ST: 'static,
{
    fn collect_query(self) -> (TakenQuery, Decode<U>) {
        // Makes the compiler look at Diesel's own check of window functions.
        const {
            let _ = Q::Query::IS_WINDOW_FUNCTION;
        }
        (TakenQuery(Collected::new(&self.as_query())), Decode::of::<ST>())
    }
}

/// How rows become a `U`, its SQL type forgotten.
#[doc(hidden)]
pub struct Decode<U> {
    /// On the thread that holds the connection.
    pub(crate) load: fn(&mut SqliteConnection, Collected, usize) -> QueryResult<Vec<U>>,
    /// From rows that were sent.
    pub(crate) replay: fn(&Rows) -> QueryResult<Vec<U>>,
}

impl<U> Decode<U> {
    pub(crate) fn of<ST>() -> Self
    where
        U: FromSqlRow<ST, Sqlite>,
    {
        Self { load: load_typed::<U, ST>, replay: replay_as::<U, ST> }
    }
}

impl<U> Clone for Decode<U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U> Copy for Decode<U> {}

impl<U> fmt::Debug for Decode<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decode")
    }
}
