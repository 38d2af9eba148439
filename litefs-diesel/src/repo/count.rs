//! The methods that ask about a query's rows without reading them.

use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AsQuery, QueryFragment};
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool};
use diesel::sqlite::Sqlite;

use super::RepoHandle;
use super::builder::Read;
use super::query::Decode;
use super::read::rows;
use super::refuse::ReadMethod;
use super::taken::TakenQuery;
use crate::error::Error;
use crate::statement::capture::Collected;

/// Any Diesel query: a table, a `SELECT` however built, `sql_query`.
#[diagnostic::on_unimplemented(
    message = "this is not a query for SQLite",
    label = "not a query",
    note = "give what `load` takes: a table, a `SELECT`, or `sql_query(…)`"
)]
pub trait AnyQuery {
    #[doc(hidden)]
    fn collect_any(self) -> TakenQuery;
}

#[diagnostic::do_not_recommend]
impl<Q> AnyQuery for Q
where
    Q: AsQuery,
    Q::Query: QueryFragment<Sqlite>,
{
    fn collect_any(self) -> TakenQuery {
        TakenQuery(Collected::new(&self.as_query()))
    }
}

impl<L> RepoHandle<L> {
    /// How many rows a query gives: `SELECT count(*) FROM (query)`, so that joins, `DISTINCT`,
    /// limits and `sql_query` count as they read.
    ///
    /// # Errors
    /// As [`all`](Self::all).
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
    /// let names: i64 = repo.count(users::table.select(users::name).distinct()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn count(&self, query: impl AnyQuery) -> Read<i64> {
        self.about::<i64, BigInt>(ReadMethod::Count, "SELECT count(*) FROM", query.collect_any())
    }

    /// Whether a query gives any row. SQLite stops at the first.
    ///
    /// # Errors
    /// As [`all`](Self::all).
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
    /// if repo.exists(users::table.filter(users::name.eq("Ada"))).await? { /* … */ }
    /// # Ok(())
    /// # }
    /// ```
    pub fn exists(&self, query: impl AnyQuery) -> Read<bool> {
        self.about::<bool, Bool>(ReadMethod::Exists, "SELECT EXISTS", query.collect_any())
    }

    fn about<U, ST>(&self, method: ReadMethod, what: &'static str, query: TakenQuery) -> Read<U>
    where
        U: FromSqlRow<ST, Sqlite> + Send + 'static,
    {
        let decode = Decode::of::<ST>();
        Read::new(&self.database, move |database, terms| async move {
            let query = query.0.map_err(Error::Read)?;
            let inner = query.sql().to_owned();
            let query = query.within(what, "");
            match rows(&database, ReadMethod::Own, query, decode, usize::MAX, terms).await {
                Ok(mut rows) => rows.pop().ok_or(Error::Read(DieselError::NotFound)),
                Err(error) => Err(method.refusal_of(error, inner, &database, terms.deadline).await),
            }
        })
    }
}
