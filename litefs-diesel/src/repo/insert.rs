//! The methods that insert rows.

use diesel::insertable::Insertable;
use diesel::query_builder::{InsertStatement, QueryFragment};
use diesel::query_source::Table;
use diesel::sqlite::Sqlite;

use super::RepoHandle;
use super::builder::Write;
use super::chunks::chunks;
use super::row::{Returning, TableRow};
use super::taken::TakenWrite;
use super::write::{counted, decoded, one_row, send};
use crate::statement::Want;
use crate::statement::capture::capture;

/// What `insert_into(table).values(…)` takes as one row of the table `T`: a type that derives
/// `Insertable`, by value or reference, `column.eq(value)`, or a tuple of those.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be inserted into `{T}`",
    label = "not a row for `{T}`",
    note = "give a type with `#[derive(Insertable)]` and `#[diesel(table_name = …)]` naming this table, by value or reference, or a tuple of `column.eq(value)`",
    note = "for several rows use `repo.insert_all(table, rows)` or `repo.insert_all_returning(table, rows)`"
)]
pub trait InsertRecord<T>: Sized {
    #[doc(hidden)]
    type Insert: QueryFragment<Sqlite>;
    #[doc(hidden)]
    fn insert_into(self, table: T) -> Self::Insert;
}

#[diagnostic::do_not_recommend]
impl<V, T> InsertRecord<T> for V
where
    T: Table,
    V: Insertable<T>,
    InsertStatement<T, V::Values>: QueryFragment<Sqlite>,
{
    type Insert = InsertStatement<T, V::Values>;

    fn insert_into(self, table: T) -> Self::Insert {
        diesel::insert_into(table).values(self)
    }
}

/// Any number of rows for the table `T`: whatever gives an [`InsertRecord`] after the other, `&Vec`
/// and iterators too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sequence of rows for `{T}`",
    label = "not a sequence of rows",
    note = "give a `Vec`, a slice, or an iterator of rows; for a single row use `repo.insert(table, row)`"
)]
pub trait InsertRecords<T> {
    #[doc(hidden)]
    fn insert_all_into<U: TableRow<T>>(self, table: T) -> TakenWrite;
    #[doc(hidden)]
    fn insert_all_count(self, table: T) -> TakenWrite;
}

// Without `do_not_recommend`: a row that does not fit is then told as `InsertRecord` tells it.
impl<I, T> InsertRecords<T> for I
where
    I: IntoIterator,
    I::Item: InsertRecord<T>,
    T: Copy,
{
    fn insert_all_into<U: TableRow<T>>(self, table: T) -> TakenWrite {
        let inserts = self.into_iter().map(|row| row.insert_into(table));
        TakenWrite(chunks(inserts, Some(&U::selection()), Want::Rows))
    }

    fn insert_all_count(self, table: T) -> TakenWrite {
        let inserts = self.into_iter().map(|row| row.insert_into(table));
        TakenWrite(chunks(inserts, None, Want::Count))
    }
}

impl<L> RepoHandle<L> {
    /// Inserts one row on the primary, and gives it as the database has it: with its key and its
    /// defaults.
    ///
    /// # Errors
    /// As [`execute`](Self::execute); [`Error::CommittedNotDecoded`](crate::Error::CommittedNotDecoded)
    /// when the row is written and cannot be read as `U`.
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
    /// #[derive(Insertable)]
    /// #[diesel(table_name = users)]
    /// struct NewUser<'a> { name: &'a str }
    ///
    /// let ada: User = repo.insert(users::table, &NewUser { name: "Ada" }).await?;
    /// let bob: User = repo.insert(users::table, users::name.eq("Bob")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn insert<U: TableRow<T>, T>(&self, table: T, values: impl InsertRecord<T>) -> Write<U> {
        let insert = Returning { statement: values.insert_into(table), columns: U::selection() };
        let decode = U::decode();
        let insert = TakenWrite::one(capture(&insert, Want::Rows));
        send(&self.database, insert, move |outcomes| one_row(outcomes, decode))
    }

    /// Inserts any number of rows on the primary, all or none, and gives how many. No rows are no
    /// error: 0, and nothing is sent.
    ///
    /// Rows with the same columns set share a statement, up to the 32,766 variables that SQLite
    /// allows one; a field that is `None` is left out, and so gets the column's default. The rows
    /// are taken apart by this call, on the caller's thread.
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
    /// # #[derive(Insertable)]
    /// # #[diesel(table_name = users)]
    /// # struct NewUser { name: String }
    /// let rows: Vec<NewUser> = (0..40_000).map(|i| NewUser { name: format!("user {i}") }).collect();
    /// let inserted: usize = repo.insert_all(users::table, &rows).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn insert_all<T>(&self, table: T, rows: impl InsertRecords<T>) -> Write<usize> {
        send(&self.database, rows.insert_all_count(table), counted)
    }

    /// Inserts any number of rows on the primary, all or none, and gives them as the database has
    /// them. SQLite returns them in the order in which they went in.
    ///
    /// All of them travel back and are in memory at once; they become `U` on the thread that awaits.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
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
    /// let names = ["Ada", "Bob"].map(|name| users::name.eq(name));
    /// let users: Vec<User> = repo.insert_all_returning(users::table, names).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn insert_all_returning<U: TableRow<T>, T>(
        &self,
        table: T,
        rows: impl InsertRecords<T>,
    ) -> Write<Vec<U>> {
        let decode = U::decode();
        send(&self.database, rows.insert_all_into::<U>(table), move |outcomes| decoded(outcomes, decode))
    }
}
