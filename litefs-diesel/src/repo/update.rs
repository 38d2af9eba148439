//! The methods that change and delete rows.

use diesel::associations::HasTable;
use diesel::query_builder::{
    AsChangeset, AstPass, DeleteStatement, IntoUpdateTarget, QueryFragment, QueryId,
};
use diesel::query_source::{QuerySource, Table};
use diesel::result::QueryResult;
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
{
    type Of = T;

    fn update<U: TableRow<T>>(self) -> TakenWrite {
        let changes = self.as_changeset();
        TakenWrite::one(changes.is_noop(&Sqlite).and_then(|nothing| {
            if nothing {
                // The primary's row as it is, in the place of the write.
                return select_target::<U, _>(self).0?.into_statement(Want::Rows);
            }
            let statement = Update::new(self, changes);
            capture(&Returning { statement, columns: U::selection() }, Want::Rows)
        }))
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
    fn update_all(self, changes: impl QueryFragment<Sqlite>) -> TakenWrite;
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

    fn update_all(self, changes: impl QueryFragment<Sqlite>) -> TakenWrite {
        TakenWrite(changes.is_noop(&Sqlite).and_then(|nothing| {
            if nothing {
                return Ok(Vec::new());
            }
            Ok(vec![capture(&Update::new(self, changes), Want::Count)?])
        }))
    }

    fn delete_all(self) -> TakenWrite {
        TakenWrite::one(capture(&diesel::delete(self), Want::Count))
    }
}

/// Changes of columns of the table `T`: a type that derives `AsChangeset`, `column.eq(value)`, or a
/// tuple of those.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no changeset for rows of `{T}`",
    label = "not a changeset of the target's table",
    note = "give what `diesel::update(target).set(…)` takes: `column.eq(value)`, a tuple of those, or a type with `#[derive(AsChangeset)]` and `#[diesel(table_name = …)]` naming the target's table"
)]
pub trait ChangesOf<T>: Sized {
    #[doc(hidden)]
    type Set: QueryFragment<Sqlite>;
    #[doc(hidden)]
    fn set(self) -> Self::Set;
}

#[diagnostic::do_not_recommend]
impl<C, T> ChangesOf<T> for C
where
    C: AsChangeset<Target = T>,
    C::Changeset: QueryFragment<Sqlite>,
{
    type Set = C::Changeset;

    fn set(self) -> Self::Set {
        self.as_changeset()
    }
}

/// `UPDATE … SET … WHERE …`, of parts alone: Diesel's own statement asks for bounds that have
/// nothing to do with it.
struct Update<F, S, W> {
    table: F,
    set: S,
    filter: W,
}

impl<F, S, W> Update<F, S, W> {
    fn new<R>(target: R, set: S) -> Self
    where
        R: IntoUpdateTarget<Table: Table<FromClause = F>, WhereClause = W>,
    {
        let target = target.into_update_target();
        Self { table: target.table.from_clause(), set, filter: target.where_clause }
    }
}

impl<F, S, W> QueryFragment<Sqlite> for Update<F, S, W>
where
    F: QueryFragment<Sqlite>,
    S: QueryFragment<Sqlite>,
    W: QueryFragment<Sqlite>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // Which columns are set depends on the fields that are there.
        out.unsafe_to_cache_prepared();
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.set.walk_ast(out.reborrow())?;
        self.filter.walk_ast(out)
    }
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
    pub fn update_all<R: WriteTarget>(&self, target: R, changes: impl ChangesOf<R::Of>) -> Write<usize> {
        send(&self.database, target.update_all(changes.set()), counted)
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
