//! The methods that read rows.

use std::sync::Arc;

use diesel::sqlite::SqliteConnection;

use super::RepoHandle;
use super::builder::Read;
use super::database::{Database, Place, ReadTerms};
use super::query::{Decode, ReadQuery};
use super::refuse::ReadMethod;
use super::row::TableRow;
use super::taken::TakenQuery;
use super::target::{KeyOf, PredicateOn, StoredRow};
use crate::error::Error;
use crate::statement::capture::Collected;

impl<L> RepoHandle<L> {
    /// All rows of a query, as `U`.
    ///
    /// Reads this node's file, on a thread of the reader pool. The rows are in memory at once; for
    /// many, see [`stream`](Self::stream).
    ///
    /// # Errors
    /// [`Error::Read`] with what Diesel or the database said; [`Error::ReadTimeout`];
    /// [`Error::WriteInRead`] when the statement writes.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, age INTEGER NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada', 36), (2, 'Bob', 17)")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, age -> Integer, } }
    /// # #[derive(Queryable, Selectable)]
    /// # struct User { id: i32, name: String, age: i32 }
    /// let adults: Vec<User> = repo.all(users::table.filter(users::age.ge(18)).select(User::as_select())).await?;
    /// let names = repo.all::<String>(users::table.select(users::name).order(users::name)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn all<U: Send + 'static>(&self, query: impl ReadQuery<U>) -> Read<Vec<U>> {
        let (query, decode) = query.collect_query();
        fetch(&self.database, ReadMethod::All, query, decode, usize::MAX, Ok)
    }

    /// The one row of a query, or none.
    ///
    /// # Errors
    /// As [`all`](Self::all); [`Error::TooManyRows`] when there is a second row.
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
    /// let id: Option<i32> = repo.one(users::table.filter(users::name.eq("Ada")).select(users::id)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn one<U: Send + 'static>(&self, query: impl ReadQuery<U>) -> Read<Option<U>> {
        let (query, decode) = query.collect_query();
        fetch(&self.database, ReadMethod::One, query, decode, 2, at_most_one)
    }

    /// The row with this primary key, or none. A composite key is a tuple, in the order of the
    /// table's declaration.
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
    /// # repo.execute(diesel::sql_query("CREATE TABLE follows (\"from\" INTEGER NOT NULL, \"to\" INTEGER NOT NULL, PRIMARY KEY (\"from\", \"to\"))")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO follows VALUES (1, 2)")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// # diesel::table! { follows (from, to) { from -> Integer, to -> Integer, } }
    /// # #[derive(Queryable, Selectable)]
    /// # struct User { id: i32, name: String }
    /// # #[derive(Queryable, Selectable)]
    /// # struct Follow { from: i32, to: i32 }
    /// let user: Option<User> = repo.get(users::table, 1).await?;
    /// let follow: Follow = repo.get(follows::table, (1, 2)).required().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get<U: TableRow<T>, T>(&self, table: T, id: impl KeyOf<T>) -> Read<Option<U>> {
        let query = id.select::<U>(table);
        fetch(&self.database, ReadMethod::Own, query, U::decode(), 1, at_most_one)
    }

    /// The one row of the table that fits the predicate, or none.
    ///
    /// # Errors
    /// As [`all`](Self::all); [`Error::TooManyRows`] when there is a second row.
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
    /// let ada: Option<User> = repo.get_by(users::table, users::name.eq("Ada")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_by<U: TableRow<T>, T>(&self, table: T, predicate: impl PredicateOn<T>) -> Read<Option<U>> {
        let query = predicate.select::<U>(table);
        fetch(&self.database, ReadMethod::Own, query, U::decode(), 2, at_most_one)
    }

    /// The row as it is now: read again by its key.
    ///
    /// # Errors
    /// As [`all`](Self::all); [`Error::NotFound`] when it is gone.
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
    /// let user: User = repo.reload(&user).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reload<U: Send + 'static>(&self, row: impl StoredRow<U>) -> Read<U> {
        let (query, decode) = row.select();
        fetch(&self.database, ReadMethod::Own, query, decode, 1, at_most_one).required()
    }
}

/// Reads a query: here on a reader's thread, where the rows become `U` at once, or on the primary.
/// At most `keep` rows are read.
fn fetch<U: Send + 'static, T: Send + 'static>(
    database: &Arc<Database>,
    method: ReadMethod,
    query: TakenQuery,
    decode: Decode<U>,
    keep: usize,
    finish: fn(Vec<U>) -> Result<T, Error>,
) -> Read<T> {
    Read::new(database, move |database, terms| async move {
        let query = query.0.map_err(Error::Read)?;
        finish(rows(&database, method, query, decode, keep, terms).await?)
    })
}

/// The rows of a query, from where the level says.
pub(crate) async fn rows<U: Send + 'static>(
    database: &Database,
    method: ReadMethod,
    query: Collected,
    decode: Decode<U>,
    keep: usize,
    terms: ReadTerms,
) -> Result<Vec<U>, Error> {
    match database.place(terms).await? {
        Place::Here => {
            let load = move |conn: &mut SqliteConnection| (decode.load)(conn, query, keep);
            let rows = database.readers.run(terms.deadline, load).await?;
            rows.map_err(|error| method.refusal(error))
        }
        Place::Primary if keep == usize::MAX => {
            let rows = database.read_there(query, terms.deadline).await;
            (decode.replay)(&rows.map_err(|error| method.refusal_there(error))?).map_err(Error::Read)
        }
        Place::Primary => {
            // The primary sends no more than what is looked at.
            let inner = query.sql().to_owned();
            let query = query.within("SELECT * FROM", &format!("LIMIT {keep}"));
            match database.read_there(query, terms.deadline).await {
                Ok(rows) => (decode.replay)(&rows).map_err(Error::Read),
                Err(error) => Err(method.refusal_of(error, inner, database, terms.deadline).await),
            }
        }
    }
}

fn at_most_one<U>(rows: Vec<U>) -> Result<Option<U>, Error> {
    let mut rows = rows.into_iter();
    match (rows.next(), rows.next()) {
        (row, None) => Ok(row),
        _ => Err(Error::TooManyRows),
    }
}
