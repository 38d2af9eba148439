//! Insert, or change the row that is there.

use diesel::expression::SelectableExpression;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment};
use diesel::query_source::Table;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use super::RepoHandle;
use super::builder::Write;
use super::insert::InsertRecord;
use super::row::{Returning, TableRow};
use super::taken::TakenWrite;
use super::text::sql_of;
use super::write::{one_row, send};
use crate::statement::Want;
use crate::statement::capture::capture;

/// A row that can be inserted into the table `T`, and can change a row of it: a reference to a type
/// that derives `Insertable` and `AsChangeset`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be inserted into `{T}` or change a row of it",
    label = "not both a row and a changeset for `{T}`",
    note = "give a reference to a type with `#[derive(Insertable, AsChangeset)]` and `#[diesel(table_name = …)]` naming this table"
)]
pub trait UpsertRow<T>: Sized {
    #[doc(hidden)]
    fn upsert<U: TableRow<T>>(self, table: T, columns: impl ConflictColumns<T>) -> TakenWrite;
}

#[diagnostic::do_not_recommend]
impl<R, T, S> UpsertRow<T> for R
where
    R: Copy + InsertRecord<T> + AsChangeset<Target = T, Changeset = S>,
    S: QueryFragment<Sqlite>,
{
    fn upsert<U: TableRow<T>>(self, table: T, columns: impl ConflictColumns<T>) -> TakenWrite {
        let capture = || {
            let changes = self.as_changeset();
            let upsert = Upsert {
                insert: self.insert_into(table),
                columns: columns.names()?,
                changes: if changes.is_noop(&Sqlite)? { None } else { Some(changes) },
            };
            capture(&Returning { statement: upsert, columns: U::selection() }, Want::Rows)
        };
        TakenWrite::one(capture())
    }
}

/// The columns of a unique key of the table `T`: a column, or a tuple of columns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name columns of `{T}`",
    label = "not columns of `{T}`",
    note = "give the columns of a unique key of this table: `table::column`, or a tuple of columns"
)]
pub trait ConflictColumns<T> {
    /// The names as they stand in SQL, without the table's.
    #[doc(hidden)]
    fn names(&self) -> QueryResult<Vec<String>>;
}

// Only a column, or a tuple of them, is `Default` beside being an expression.
#[diagnostic::do_not_recommend]
impl<C, T> ConflictColumns<T> for C
where
    T: Table,
    C: SelectableExpression<T> + QueryFragment<Sqlite> + Copy + Default + 'static,
{
    fn names(&self) -> QueryResult<Vec<String>> {
        Ok(column_names(&sql_of(self)?))
    }
}

struct Upsert<I, S> {
    insert: I,
    columns: Vec<String>,
    changes: Option<S>,
}

impl<I: QueryFragment<Sqlite>, S: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Upsert<I, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // Which columns are set depends on the fields that are there.
        out.unsafe_to_cache_prepared();
        self.insert.walk_ast(out.reborrow())?;
        out.push_sql(" ON CONFLICT (");
        out.push_sql(&self.columns.join(", "));
        out.push_sql(") DO UPDATE SET ");
        match (&self.changes, self.columns.first()) {
            (Some(changes), _) => changes.walk_ast(out),
            // `DO NOTHING` would return no row; a column set to itself does.
            (None, Some(column)) => {
                out.push_sql(column);
                out.push_sql(" = ");
                out.push_sql(column);
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }
}

/// The last part of each name in "`table`.`a`, `table`.`b`", in its quotes.
fn column_names(sql: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    for c in sql.chars() {
        match c {
            '`' => quoted = !quoted,
            '.' if !quoted => {
                if let Some(name) = names.last_mut() {
                    name.clear();
                }
                continue;
            }
            ',' if !quoted => {
                names.push(String::new());
                continue;
            }
            ' ' if !quoted => continue,
            _ => {}
        }
        if let Some(name) = names.last_mut() {
            name.push(c);
        }
    }
    names
}

impl<L> RepoHandle<L> {
    /// Inserts a row on the primary, or, when the database has one with the same unique key,
    /// changes that one; gives the row as it is then.
    ///
    /// `conflict_columns` names the key: a primary key, or the columns of a unique index, in any
    /// order. In both ways a field that is `None` is left alone: a new row gets the column's
    /// default, and the row that is there keeps its value. To set a column to `NULL` on a conflict,
    /// make the field an `Option<Option<_>>`, or use [`returning_one`](Self::returning_one) with
    /// Diesel's own `on_conflict`.
    ///
    /// # Errors
    /// As [`insert`](Self::insert); [`Error::Rejected`](crate::Error::Rejected) when the columns are
    /// no unique key.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, email TEXT UNIQUE NOT NULL, name TEXT)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'ada@example.org', 'Ada')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, email -> Text, name -> Nullable<Text>, } }
    /// # #[derive(Queryable, Selectable)]
    /// # struct User { id: i32, email: String, name: Option<String> }
    /// #[derive(Insertable, AsChangeset)]
    /// #[diesel(table_name = users)]
    /// struct Account<'a> { email: &'a str, name: Option<&'a str> }
    ///
    /// let ada = Account { email: "ada@example.org", name: None };
    /// let user: User = repo.upsert(users::table, &ada, users::email).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn upsert<U: TableRow<T>, T>(
        &self,
        table: T,
        row: impl UpsertRow<T>,
        conflict_columns: impl ConflictColumns<T>,
    ) -> Write<U> {
        let decode = U::decode();
        let upsert = row.upsert::<U>(table, conflict_columns);
        send(&self.database, upsert, move |outcomes| one_row(outcomes, decode))
    }
}

#[cfg(test)]
mod tests {
    use super::column_names;

    #[test]
    fn a_column_is_named_without_its_table() {
        assert_eq!(column_names("`users`.`email`"), ["`email`"]);
        assert_eq!(column_names("`a.b`.`c, d`, `a.b`.`e``f`"), ["`c, d`", "`e``f`"]);
    }
}
