//! The methods that change and delete rows.

use diesel::associations::HasTable;
use diesel::query_builder::{
    AsChangeset, AsQuery, DeleteStatement, IntoUpdateTarget, QueryFragment, QueryId, UpdateStatement,
};
use diesel::query_source::Table;
use diesel::result::{EmptyChangeset, Error as DieselError};
use diesel::sqlite::Sqlite;

use super::RepoHandle;
use super::builder::Write;
use super::query::Decode;
use super::row::{Returning, TableRow};
use super::taken::TakenWrite;
use super::target::{KeyedRow, select_target};
use super::write::{counted, one_row, send};
use crate::statement::Want;
use crate::statement::capture::capture;

/// Changes that know the row they are for: what derives `Identifiable` and `AsChangeset`, by
/// reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no changeset of one row",
    label = "not a changeset with a key",
    note = "give a reference to a type with `#[derive(Identifiable, AsChangeset)]` and `#[diesel(table_name = …)]`, and with `#[diesel(primary_key(…))]` when the key is not `id`",
    note = "to change rows by a predicate use `repo.update_all(target, changes)`"
)]
pub trait RowChanges: Sized {
    /// The table that the row is in.
    type Of;
    #[doc(hidden)]
    fn update<U: TableRow<Self::Of>>(self) -> TakenWrite;
}

#[diagnostic::do_not_recommend]
impl<C, T, W, S> RowChanges for C
where
    C: Copy
        + HasTable<Table = T>
        + IntoUpdateTarget<WhereClause = W>
        + AsChangeset<Target = T, Changeset = S>,
    T: Table<FromClause: QueryFragment<Sqlite>>,
    W: QueryFragment<Sqlite>,
    S: QueryFragment<Sqlite>,
    UpdateStatement<T, W, S>: AsQuery + QueryFragment<Sqlite>,
{
    type Of = T;

    fn update<U: TableRow<T>>(self) -> TakenWrite {
        let update = diesel::update(self).set(self);
        let update = capture(&Returning { statement: update, columns: U::selection() }, Want::Rows);
        if update.as_ref().is_err_and(changes_nothing) {
            // The primary's row as it is, in the place of the write.
            let select = select_target::<U, _>(self).0;
            return TakenWrite::one(select.and_then(|select| select.into_statement(Want::Rows)));
        }
        TakenWrite::one(update)
    }
}

/// [`RowChanges`] of a table whose rows are read as `U`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no changeset of one row",
    label = "not a changeset with a key",
    note = "give a reference to a type with `#[derive(Identifiable, AsChangeset)]` and `#[diesel(table_name = …)]`, and with `#[diesel(primary_key(…))]` when the key is not `id`",
    note = "to change rows by a predicate use `repo.update_all(target, changes)`"
)]
pub trait Changes<U>: Sized {
    #[doc(hidden)]
    fn collect_update(self) -> (TakenWrite, Decode<U>);
}

// Without `do_not_recommend`: a `U` that does not fit is then told as `TableRow` tells it.
impl<C, U> Changes<U> for C
where
    C: RowChanges,
    U: TableRow<C::Of>,
{
    fn collect_update(self) -> (TakenWrite, Decode<U>) {
        (self.update::<U>(), U::decode())
    }
}

/// What `diesel::update(…)` and `diesel::delete(…)` take: a table, one with only a filter, or a
/// row with a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which rows of a table",
    label = "not a table, a filtered table, or a row with a key",
    note = "give what `diesel::delete(…)` takes: a table, a table with `.filter(…)` or `.find(…)` alone, or a reference to a type with `#[derive(Identifiable)]`"
)]
pub trait WriteTarget: Sized {
    /// The table that the rows are in.
    type Of;
    #[doc(hidden)]
    type Where;
    #[doc(hidden)]
    type Target: IntoUpdateTarget<Table = Self::Of, WhereClause = Self::Where>;
    #[doc(hidden)]
    fn target(self) -> Self::Target;
    #[doc(hidden)]
    fn delete_all(self) -> TakenWrite;
}

#[diagnostic::do_not_recommend]
impl<R, T, W> WriteTarget for R
where
    R: IntoUpdateTarget<Table = T, WhereClause = W>,
    T: Table<FromClause: QueryFragment<Sqlite>>,
    W: QueryFragment<Sqlite>,
    DeleteStatement<T, W>: QueryFragment<Sqlite> + QueryId,
{
    type Of = T;
    type Where = W;
    type Target = R;

    fn target(self) -> R {
        self
    }

    fn delete_all(self) -> TakenWrite {
        TakenWrite::one(capture(&diesel::delete(self), Want::Count))
    }
}

/// Changes of a table's columns, for the rows of the target `R`: a type that derives
/// `AsChangeset`, `column.eq(value)`, or a tuple of those.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no changeset for these rows",
    label = "not a changeset of the target's table",
    note = "give what `diesel::update(target).set(…)` takes: `column.eq(value)`, a tuple of those, or a type with `#[derive(AsChangeset)]` and `#[diesel(table_name = …)]` naming the target's table"
)]
pub trait ChangesOf<R>: Sized {
    #[doc(hidden)]
    fn update_all(self, target: R) -> TakenWrite;
}

#[diagnostic::do_not_recommend]
impl<C, R, T, W, S> ChangesOf<R> for C
where
    R: IntoUpdateTarget<Table = T, WhereClause = W>,
    T: Table,
    C: AsChangeset<Target = T, Changeset = S>,
    S: QueryFragment<Sqlite>,
    UpdateStatement<T, W, S>: AsQuery + QueryFragment<Sqlite>,
{
    fn update_all(self, target: R) -> TakenWrite {
        let update = capture(&diesel::update(target).set(self), Want::Count);
        if update.as_ref().is_err_and(changes_nothing) {
            return TakenWrite(Ok(Vec::new()));
        }
        TakenWrite::one(update)
    }
}

/// Diesel refuses an `UPDATE` without `SET`.
pub(super) fn changes_nothing(error: &DieselError) -> bool {
    matches!(error, DieselError::QueryBuilderError(why) if why.is::<EmptyChangeset>())
}

impl<L> RepoHandle<L> {
    /// Changes one row on the primary, by its key, and gives it as it is then. Fields that are
    /// `None` are left as they are, as in Diesel; with nothing to change it is the row as it is.
    ///
    /// # Errors
    /// As [`insert`](Self::insert); [`Error::NotFound`](crate::Error::NotFound) when there is no
    /// such row.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// # #[derive(Queryable, Selectable)]
    /// # struct User { id: i32, name: String }
    /// #[derive(Identifiable, AsChangeset)]
    /// #[diesel(table_name = users)]
    /// struct Rename<'a> { id: i32, name: Option<&'a str> }
    ///
    /// let user: User = repo.update(&Rename { id: 1, name: Some("Ada") }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn update<U: Send + Sync + 'static>(&self, changeset: impl Changes<U>) -> Write<U> {
        let (update, decode) = changeset.collect_update();
        send(&self.database, update, move |outcomes| one_row(outcomes, decode))
    }

    /// Changes all rows of a target on the primary, and gives how many. With nothing to change it
    /// is 0, and nothing is sent.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// let target = users::table.filter(users::name.eq("Bob"));
    /// let renamed: usize = repo.update_all(target, users::name.eq("Ada")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_all<R: WriteTarget>(&self, target: R, changes: impl ChangesOf<R>) -> Write<usize> {
        send(&self.database, changes.update_all(target), counted)
    }

    /// Deletes all rows of a target on the primary, and gives how many.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// let deleted: usize = repo.delete_all(users::table.filter(users::id.gt(100))).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete_all(&self, target: impl WriteTarget) -> Write<usize> {
        send(&self.database, target.delete_all(), counted)
    }

    /// Deletes one row on the primary, by its key, and gives how many: 1, or 0 when it was gone.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// # #[derive(Queryable, Selectable, Identifiable)]
    /// # struct User { id: i32, name: String }
    /// # let user: User = repo.get(users::table, 1).required().await?;
    /// let deleted: usize = repo.delete(&user).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete(&self, row: impl KeyedRow) -> Write<usize> {
        send(&self.database, row.delete(), counted)
    }
}
